// The house rules, held by a test: floors, loops, sizes, docs, mirrors, banned globals, names, leftovers.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  codeOf,
  importsOf,
  packagesOf,
  projectRoot,
  type SourceFile,
  sourceFiles,
} from "./support/source-tree.ts";

// A file may import its own folder or a lower floor. Single files that form a floor of their own are named whole.
const floors: Readonly<Record<string, number>> = {
  "src/base": 0,
  "src/record": 1,
  "src/storage": 1,
  "src/services": 0.5,
  "src/services.ts": 1,
  "src/protocol": 1,
  "src/client": 1,
  "src/log": 2,
  "src/coordinator": 3,
  "src/broker": 4,
  "src/group": 5,
  "src/transaction": 5,
  "src/backup": 5,
  "src/share": 5,
  "src/queue": 5.5,
  "src/engine.ts": 6,
  "src/config.ts": 6,
  "src/doors": 7,
  "src/doors/http": 8,
  "src/doors/kafka": 8,
  "src/engine-metrics.ts": 7,
  "src/server.ts": 9,
  "src/cli": 10,
};

// Rooms of one floor that must not see each other, and rooms that see less than their floor allows.
const mayImportOnly: Readonly<Record<string, readonly string[]>> = {
  "src/client": ["src/client", "src/base"],
  "src/protocol": ["src/protocol", "src/base"],
  "src/doors/kafka": [
    "src/doors/kafka",
    "src/doors",
    "src/services.ts",
    "src/protocol",
    "src/record",
    "src/base",
  ],
  "src/doors/http": ["src/doors/http", "src/doors", "src/services.ts", "src/record", "src/base"],
};

// What only some places may touch: everybody else receives it as a parameter.
const fenced: readonly { pattern: RegExp; places: readonly string[]; use: string }[] = [
  {
    pattern: /\bDate\.now\b|\bperformance\.now\b|\bsetTimeout\b|\bsetInterval\b|\bnew Date\(\)/,
    places: ["src/base/clock.ts"],
    use: "the Clock parameter",
  },
  { pattern: /\bMath\.random\b/, places: ["src/base/random.ts"], use: "the Random parameter" },
  { pattern: /\bprocess\.env\b/, places: ["src/config.ts"], use: "the Config" },
  { pattern: /\bconsole\./, places: ["src/cli/"], use: "the Logger parameter" },
];

const fencedPackages: readonly { name: RegExp; places: readonly string[] }[] = [
  { name: /^node:fs/, places: ["src/storage/", "src/cli/", "src/config.ts"] },
  { name: /^koffi$/, places: ["src/storage/"] },
  { name: /^(fastify|@fastify\/)/, places: ["src/doors/http/"] },
  { name: /^node:(net|http|https)$/, places: ["src/doors/", "src/client/", "src/cli/"] },
  { name: /^commander$/, places: ["src/cli/", "src/config.ts"] },
];

// Files that are started rather than imported.
const entries = ["src/cli/main.ts", "src/engine.ts", "src/client/client.ts"];

const source = sourceFiles("src");
const everything = [...source, ...sourceFiles("test"), ...sourceFiles("bench")];

function roomOf(path: string): string | null {
  const rooms = Object.keys(floors).filter((room) => path === room || path.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0] ?? null;
}

function violations(check: (file: SourceFile) => readonly string[]): readonly string[] {
  return source.flatMap((file) => check(file).map((what) => `${file.path}: ${what}`));
}

describe("tidy: structure", () => {
  test("every source file stands on a floor", () => {
    expect(violations((file) => (roomOf(file.path) === null ? ["has no floor"] : []))).toEqual([]);
  });

  test("imports point down or stay in their room", () => {
    const upward = violations((file) => {
      const room = roomOf(file.path) ?? "";
      return importsOf(file)
        .filter((target) => {
          const targetRoom = roomOf(target) ?? "";
          const allowed = mayImportOnly[room];
          if (allowed !== undefined) return !allowed.includes(targetRoom);
          return targetRoom !== room && (floors[targetRoom] ?? 99) >= (floors[room] ?? 0);
        })
        .map((target) => `imports ${target}`);
    });
    expect(upward).toEqual([]);
  });

  test("no import loop, type-only imports included", () => {
    expect(findLoop(source)).toBeNull();
  });

  test("every source file is used", () => {
    const used = new Set(source.flatMap(importsOf));
    const unused = source.filter((file) => !used.has(file.path) && !entries.includes(file.path));
    expect(unused.map((file) => file.path)).toEqual([]);
  });

  test("src imports neither test nor bench", () => {
    const pattern = /^(test|bench)\//;
    expect(violations((file) => importsOf(file).filter((to) => pattern.test(to)))).toEqual([]);
  });
});

describe("tidy: files", () => {
  test("a file has at most 400 lines; a comment line at most 120 columns", () => {
    // The formatter holds lines of code at 100 columns; it leaves comments and literals alone.
    const long = everything.flatMap((file) => {
      const isTooLong = file.path.startsWith("src/") && file.lines.length > 401;
      const wide = file.lines.flatMap((line, index) =>
        line.length > 120 && /^\s*(\/\/|\*|\/\*)/.test(line) ? [`${file.path}:${index + 1}`] : [],
      );
      return isTooLong ? [`${file.path}: ${file.lines.length} lines`, ...wide] : wide;
    });
    expect(long).toEqual([]);
  });

  test("a source file opens with a sentence that says what it is for", () => {
    const first = /^(#!.*\n)?(\/\/|\/\*\*?) ?.*\w/;
    expect(violations((file) => (first.test(file.text) ? [] : ["has no first sentence"]))).toEqual(
      [],
    );
  });

  test("every exported name has a docstring", () => {
    const exported =
      /^export (?:declare |abstract |async )*(?:function\*?|class|const|interface|type) (\w+)/;
    const undocumented = violations((file) =>
      file.lines.flatMap((line, index) => {
        const name = exported.exec(line)?.[1];
        if (name === undefined) return [];
        const before = file.lines[index - 1]?.trim() ?? "";
        // Overloads and decorated constants stand right under their own kind.
        const isDocumented = before.endsWith("*/") || exported.test(file.lines[index - 1] ?? "");
        return isDocumented ? [] : [`${name} has no docstring`];
      }),
    );
    expect(undocumented).toEqual([]);
  });

  test("a source file with code has its mirror test", () => {
    const missing = source.filter((file) => {
      const hasCode = /^(export )?(async )?(function|class)\b|=>/m.test(codeOf(file));
      const mirror = file.path.replace(/^src\//, "test/").replace(/\.ts$/, ".test.ts");
      return hasCode && !existsSync(join(projectRoot, mirror));
    });
    expect(missing.map((file) => file.path)).toEqual([]);
  });
});

describe("tidy: words", () => {
  test("clock, random, environment, console and files are touched in their own rooms only", () => {
    const broken = violations((file) => [
      ...fenced
        .filter((fence) => !fence.places.some((place) => file.path.startsWith(place)))
        .filter((fence) => fence.pattern.test(codeOf(file)))
        .map((fence) => `use ${fence.use} instead of ${fence.pattern.source}`),
      ...packagesOf(file).filter((name) =>
        fencedPackages.some(
          (fence) =>
            fence.name.test(name) && !fence.places.some((place) => file.path.startsWith(place)),
        ),
      ),
    ]);
    expect(broken).toEqual([]);
  });

  test("durations carry their unit in the name", () => {
    const nameless =
      /\b\w*(?:timeout|delay|interval|duration|Timeout|Delay|Interval|Duration)\??\s*(?::\s*number|=\s*\d)/;
    expect(violations((file) => nameless.exec(codeOf(file)) ?? [])).toEqual([]);
  });

  test("nothing is left behind", () => {
    const left = /\b(?:TODO|FIXME|XXX|HACK)\b|\bnot implemented\b|\.(?:skip|only)\(/;
    const self = "test/tidy.test.ts";
    const found = everything
      .filter((file) => file.path !== self)
      .flatMap((file) =>
        file.lines.flatMap((line, index) =>
          left.test(line) && !/skipIf|ctx\.skip|context\.skip/.test(line)
            ? [`${file.path}:${index + 1}`]
            : [],
        ),
      );
    expect(found).toEqual([]);
  });

  test("no room is called by a word that says nothing", () => {
    const empty = /\/(?:utils?|helpers?|common|misc|manager|index)\.ts$/;
    expect(source.filter((file) => empty.test(file.path))).toEqual([]);
  });
});

/** The first import loop found, as a list of paths; null when there is none. */
function findLoop(files: readonly SourceFile[]): readonly string[] | null {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): readonly string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    const file = byPath.get(path);
    if (done.has(path) || file === undefined) return null;
    trail.push(path);
    for (const target of importsOf(file)) {
      const loop = visit(target);
      if (loop !== null) return loop;
    }
    trail.pop();
    done.add(path);
    return null;
  };
  for (const file of files) {
    const loop = visit(file.path);
    if (loop !== null) return loop;
  }
  return null;
}

describe("tidy: the checks themselves", () => {
  const file = (path: string, text: string): SourceFile => ({
    path,
    text,
    lines: text.split("\n"),
  });

  test("a type-only loop is found", () => {
    const loop = [
      file("src/a/one.ts", 'import type { Two } from "./two.ts";'),
      file("src/a/two.ts", 'import { one } from "./one.ts";'),
    ];
    expect(findLoop(loop)).toEqual(["src/a/one.ts", "src/a/two.ts", "src/a/one.ts"]);
  });

  test("words in comments and strings do not count as code", () => {
    const text = 'const a = "Date.now"; // Date.now\n/* Math.random */\nconst b = Date.now;';
    expect(codeOf(file("src/x.ts", text)).match(/Date\.now|Math\.random/g)).toEqual(["Date.now"]);
  });
});
