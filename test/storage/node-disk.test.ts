import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, expect, test } from "vitest";
import { native } from "../../src/storage/native.ts";
import { NodeDisk, type NodeDiskOptions } from "../../src/storage/node-disk.ts";
import { systemCodeOf } from "../../src/storage/storage-error.ts";
import { describeDiskContract, failure, pattern, put } from "./disk-contract.ts";

const base = fs.mkdtempSync(path.join(os.tmpdir(), "varve-disk-"));
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

let directoryCount = 0;
function newDirectory(): string {
  directoryCount++;
  const directory = path.join(base, String(directoryCount));
  fs.mkdirSync(directory);
  return directory;
}

const kinds: readonly (readonly [string, NodeDiskOptions])[] = [
  ["real disk, maps", { readMode: "map" }],
  ["real disk, pread", { readMode: "pread" }],
  ["real disk, no native calls", { readMode: "map", native: null }],
];
for (const [name, options] of kinds) {
  describeDiskContract({
    name,
    hasMaps: options.readMode === "map" && options.native !== null && native !== null,
    make: () => {
      const disk = new NodeDisk(options);
      const root = newDirectory();
      const dispose = (): Promise<void> => {
        expect(disk.counters).toEqual({ openFiles: 0, liveMaps: 0, mappedBytes: 0 });
        return Promise.resolve();
      };
      return Promise.resolve({ disk, root, dispose });
    },
  });
}

// A process of its own that tries the lock with a plain flock, says how it went, and lives until it is killed.
async function lockInChild(file: string, expected: "held" | "refused"): Promise<Child> {
  const script = `
    const koffi = require("koffi");
    const flock = koffi.load(null).func("int flock(int fd, int operation)");
    const descriptor = require("fs").openSync(process.argv[1], "a+");
    console.log(flock(descriptor, 6) === 0 ? "held" : "refused");
    setInterval(() => undefined, 1000);
  `;
  return startChild(script, { argument: file, expected });
}

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

interface Child {
  readonly pid: number;
  kill(): Promise<void>;
}

async function startChild(
  script: string,
  { argument, expected }: { argument: string; expected: string },
): Promise<Child> {
  const child = spawn(process.execPath, ["-e", script, argument], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const exited = once(child, "exit");
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exited;
  };
  expect(said.toString().trim()).toBe(expected);
  return { pid: child.pid ?? 0, kill };
}

test.runIf(native !== null)(
  "lock: held by a second process: refused until that one is killed",
  async () => {
    const disk = new NodeDisk({ readMode: "map" });
    const file = `${newDirectory()}/.lock`;
    const child = await lockInChild(file, "held");
    const refused = await failure(disk.lock(file));
    expect(refused.message).toContain("held by another process");
    await child.kill();
    const unlock = await disk.lock(file);
    expect((await failure(disk.lock(file))).message).toContain(`held by process ${process.pid}`);
    await unlock();
  },
);

test.runIf(native !== null)("lock: held here: a second process is refused", async () => {
  const file = `${newDirectory()}/.lock`;
  const unlock = await new NodeDisk({ readMode: "map" }).lock(file);
  const child = await lockInChild(file, "refused");
  await child.kill();
  await unlock();
});

test("lock by process id: only a living holder keeps others out", async () => {
  const disk = new NodeDisk({ readMode: "map", native: null });
  const file = `${newDirectory()}/.lock`;
  const child = await startChild("console.log('up'); setInterval(() => undefined, 1000)", {
    argument: "",
    expected: "up",
  });
  fs.writeFileSync(`${file}.pid`, `${child.pid}\n`);
  expect((await failure(disk.lock(file))).message).toContain(`held by process ${child.pid}`);
  expect(fs.readFileSync(`${file}.pid`, "utf8")).toBe(`${child.pid}\n`);
  await child.kill();
  for (const content of [`${child.pid}\n`, "", "rubbish", `${process.pid}\n`]) {
    fs.writeFileSync(`${file}.pid`, content);
    const unlock = await disk.lock(file);
    expect(fs.readFileSync(`${file}.pid`, "utf8")).toBe(`${process.pid}\n`);
    await unlock();
    expect(fs.readdirSync(path.dirname(file))).toEqual([]);
  }
});

test("names: a file where a directory should be: clear refusals, nothing changed", async () => {
  const disk = new NodeDisk({ readMode: "map" });
  const root = newDirectory();
  await put(disk, `${root}/file`, pattern(1, 10));
  expect(systemCodeOf(await failure(disk.makeDirectory(`${root}/file`)))).toBe("EEXIST");
  expect(systemCodeOf(await failure(disk.makeDirectory(`${root}/file/d`)))).toBe("ENOTDIR");
  expect(systemCodeOf(await failure(disk.open(`${root}/file/f`, "write")))).toBe("ENOTDIR");
  expect(fs.readFileSync(`${root}/file`)).toHaveLength(10);
});

test("errors: what clients may see names no directory", async () => {
  const disk = new NodeDisk({ readMode: "map" });
  const refused = await failure(disk.open(`${base}/secret/f.log`, "read"));
  expect(refused.message).toBe("open of f.log failed (ENOENT)");
});

test("freeBytes: what the system says an ordinary user may take", async () => {
  const disk = new NodeDisk({ readMode: "map" });
  const stats = fs.statfsSync(base);
  const free = await disk.freeBytes(base);
  // Others write to the same disk meanwhile.
  expect(Math.abs(free - stats.bavail * stats.bsize)).toBeLessThan(
    stats.blocks * stats.bsize * 0.5,
  );
  expect(free % stats.bsize).toBe(0);
});

test("no room for a directory: that is what is said", async (context) => {
  const root = newDirectory();
  try {
    const options = ["-t", "tmpfs", "-o", "size=1M,nr_inodes=4", "tmpfs", root];
    execFileSync("mount", options, { stdio: "ignore" });
  } catch {
    return context.skip("a tmpfs cannot be mounted by this user");
  }
  try {
    const disk = new NodeDisk({ readMode: "map" });
    await disk.makeDirectory(`${root}/a/b/c`);
    await disk.makeDirectory(`${root}/a/b/c`);
    expect((await failure(disk.makeDirectory(`${root}/a/d`))).code).toBe("DISK_FULL");
  } finally {
    execFileSync("umount", [root], { stdio: "ignore" });
  }
});
