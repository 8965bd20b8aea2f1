// Backups of a real server under load, with processes killed in the middle: the server while it makes one, the restore
// while it reads one. What has a manifest restores to all that was acknowledged before it was begun; the rest is
// refused.

import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../../src/base/random.ts";
import { createClient, type VarveClient } from "../../../src/client/client.ts";
import { manifestName } from "../../../src/backup/backup-manifest.ts";
import { cliPath, freePort, ServerProcess } from "../../support/server-process.ts";

/** What to do. */
export interface BackupTortureOptions {
  /** An empty directory for everything. */
  readonly root: string;
  readonly cycles: number;
  readonly seed: number;
  /** A text file whose lines become records; null for lines made up. */
  readonly lines: string | null;
  readonly onCycle?: (cycle: number, what: string) => void;
}

/** What it came to. */
export interface BackupTortureFacts {
  readonly acknowledged: number;
  readonly backups: number;
  readonly serverKills: number;
  readonly restoreKills: number;
  /** Records compared in restored directories. */
  readonly compared: number;
  readonly problems: readonly string[];
}

const topic = "lines";
const partitions = 3;

/** Runs cycles; each begins one backup. */
export async function backupTorture(options: BackupTortureOptions): Promise<BackupTortureFacts> {
  const run = new BackupTorture(options);
  for (let cycle = 1; cycle <= options.cycles; cycle++) {
    const done = await run.cycle(cycle);
    options.onCycle?.(cycle, done);
  }
  await run.end();
  return run;
}

class BackupTorture implements BackupTortureFacts {
  readonly #options: BackupTortureOptions;
  readonly #random;
  readonly #lines: readonly string[];
  readonly #acknowledged = new Map<string, string>();
  readonly problems: string[] = [];
  #server: ServerProcess | null = null;
  #line = 0;
  backups = 0;
  serverKills = 0;
  restoreKills = 0;
  compared = 0;

  constructor(options: BackupTortureOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const text = options.lines === null ? null : readFileSync(options.lines, "utf8");
    this.#lines = text?.split("\n").filter((line) => line !== "") ?? [];
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  async cycle(cycle: number): Promise<string> {
    const target = join(this.#options.root, `backup-${cycle}`);
    const restored = join(this.#options.root, `restored-${cycle}`);
    const mustKill = this.#random.below(3) === 0;
    const before = await this.#backUp(target, mustKill);
    const isWhole = existsSync(join(target, manifestName));
    if (!mustKill && !isWhole) this.problems.push(`cycle ${cycle}: no backup was made`);
    if (!isWhole) {
      const code = await command(["restore", target, "--data-dir", restored]);
      if (code === 0) this.problems.push(`cycle ${cycle}: an unfinished backup was restored`);
      return "the server was killed; its backup is refused";
    }
    this.backups++;
    const cut = await this.#killedRestore(target, join(this.#options.root, `cut-${cycle}`));
    const code = await command(["restore", target, "--data-dir", restored]);
    if (code !== 0) this.problems.push(`cycle ${cycle}: restore ended with ${code}`);
    else await this.#compare(restored, before);
    rmSync(restored, { recursive: true, force: true });
    rmSync(target, { recursive: true, force: true });
    return `${before.size} records restored; ${cut}`;
  }

  async end(): Promise<void> {
    await this.#server?.stop();
  }

  // Answers what had been acknowledged when the backup was begun.
  async #backUp(target: string, mustKill: boolean): Promise<ReadonlyMap<string, string>> {
    const server = await this.#running();
    const client = createClient({ url: server.url, retriesMax: 0 });
    await client.topics.create(topic, { partitions, config: { "segment.bytes": 65_536 } });
    let isDone = false;
    const load = Array.from({ length: 4 }, () => this.#produce(client, () => isDone));
    await pause(100 + this.#random.below(300));
    const before = new Map(this.#acknowledged);
    await client.backup.begin(target);
    if (mustKill) {
      await pause(this.#random.below(40));
      this.serverKills++;
      await server.stop("SIGKILL");
      this.#server = null;
    } else {
      while ((await client.backup.show()).state === "running") await pause(5);
    }
    isDone = true;
    await Promise.all(load);
    await client.close();
    return before;
  }

  async #running(): Promise<ServerProcess> {
    const dataDir = join(this.#options.root, "data");
    this.#server ??= await ServerProcess.start({ dataDir, port: await freePort() });
    return this.#server;
  }

  async #produce(client: VarveClient, isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      const number = this.#line++;
      const line = `${number} ${this.#lines[number % this.#lines.length] ?? "made up ".repeat(20)}`;
      try {
        const result = await client.produce({
          topic,
          partition: number % partitions,
          records: [{ value: line }],
        });
        for (const { partition, offset } of result.results ?? []) {
          this.#acknowledged.set(`${partition}/${offset}`, line);
        }
      } catch {
        // Not acknowledged: nothing is promised of it.
        if (this.#server === null) return;
      }
    }
  }

  // A restore that is killed leaves nothing that a server would take.
  async #killedRestore(target: string, to: string): Promise<string> {
    const delayMs = 100 + this.#random.below(400);
    const code = await command(["restore", target, "--data-dir", to], delayMs);
    this.restoreKills += code === null ? 1 : 0;
    const isWhole = existsSync(join(to, "format.json"));
    const isEmpty = !existsSync(to);
    if (!isWhole && !isEmpty && (await this.#isServed(to))) {
      this.problems.push("an unfinished restore was served");
    }
    rmSync(to, { recursive: true, force: true });
    return code === null
      ? `a restore was killed after ${delayMs} ms`
      : "a restore was too quick to kill";
  }

  async #isServed(dataDir: string): Promise<boolean> {
    const words = ["check", dataDir];
    // A server would refuse it for the same reason that the check names.
    return (await command(words)) === 0;
  }

  async #compare(dataDir: string, before: ReadonlyMap<string, string>): Promise<void> {
    const code = await command(["check", dataDir, "--deep"]);
    if (code !== 0) this.problems.push(`check of a restored directory ended with ${code}`);
    const server = await ServerProcess.start({ dataDir, port: await freePort() });
    const client = createClient({ url: server.url });
    for (let partition = 0; partition < partitions; partition++) {
      let from = 0;
      for (;;) {
        const { records, nextOffset } = await client.read({ topic, partition, from });
        if (records.length === 0) break;
        for (const { offset, value } of records) {
          const expected = before.get(`${partition}/${offset}`);
          if (expected === undefined) continue;
          this.compared++;
          const found = value === null ? null : Buffer.from(value).toString();
          if (found !== expected) this.problems.push(`record ${partition}/${offset} is another`);
        }
        from = nextOffset;
      }
      for (const place of before.keys()) {
        const [at, offset] = place.split("/").map(Number);
        if (at === partition && (offset ?? 0) >= from)
          this.problems.push(`record ${place} is gone`);
      }
    }
    await client.close();
    await server.stop();
  }
}

// Runs a command line of its own process; null when it was killed after a time.
function command(words: readonly string[], killAfterMs = 60_000): Promise<number | null> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cliPath, ...words], { stdio: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
    child.once("close", (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
