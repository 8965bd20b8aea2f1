// Reads the project's own source as text, for the tests that hold the house rules.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder, whether this file runs as source or compiled below `dist`. */
export const projectRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(folder: string): string {
  return existsSync(join(folder, "package.json")) ? folder : findRoot(dirname(folder));
}

/** One source file: its path from the root with forward slashes, its text and lines. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

/** All TypeScript files below a folder of the project, sorted by path. */
export function sourceFiles(folder: string): readonly SourceFile[] {
  const found: SourceFile[] = [];
  const walk = (path: string): void => {
    for (const name of readdirSync(path).sort()) {
      const child = join(path, name);
      if (statSync(child).isDirectory()) walk(child);
      else if (name.endsWith(".ts")) found.push(readSource(child));
    }
  };
  walk(join(projectRoot, folder));
  return found;
}

function readSource(path: string): SourceFile {
  const text = readFileSync(path, "utf8");
  const fromRoot = relative(projectRoot, path).replaceAll("\\", "/");
  return { path: fromRoot, text, lines: text.split("\n") };
}

/** The project files a file imports (static, dynamic, re-export, type-only too), as paths from the root. */
export function importsOf(file: SourceFile): readonly string[] {
  const pattern = /(?:from\s+|import\s*\(\s*|^import\s+)"(\.{1,2}\/[^"]+)"/gm;
  const targets = [...file.text.matchAll(pattern)].map((match) => match[1] ?? "");
  return targets.map((target) => normalize(join(dirname(file.path), target)));
}

/** The packages and `node:` modules a file imports. */
export function packagesOf(file: SourceFile): readonly string[] {
  const pattern = /(?:from\s+|import\s*\(\s*|require\(\s*|^import\s+)"([^."][^"]*)"/gm;
  return [...file.text.matchAll(pattern)].map((match) => match[1] ?? "");
}

/** The file's text without comments and without the inside of string literals. */
export function codeOf(file: SourceFile): string {
  return file.text
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"/g, '""')
    .replaceAll(/(^|\s)\/\/.*$/gm, "$1");
}
