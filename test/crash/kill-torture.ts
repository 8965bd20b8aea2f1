// Kill torture: clients of both doors load a child server that is killed with SIGKILL again and again, and sometimes
// stopped and continued before. After each kill everything that was acknowledged is looked for.

import { type Random, seededRandom } from "../../src/base/random.ts";
import { prepareCompression } from "../../src/record/compression.ts";
import { freePort, type HeldServer, ServerProcess } from "../support/server-process.ts";
import { audit } from "./audit.ts";
import { damageIn } from "./damage.ts";
import { type Era, eraOf } from "./era.ts";
import { clientsOf, closeEra, createEra, leaveEra } from "./eras.ts";
import { Ledger } from "./ledger.ts";
import { Load, LoadContext, sleep } from "./load.ts";
import type { Endpoints } from "./server-calls.ts";

/** What one run does. */
export interface TortureOptions {
  readonly dataDir: string;
  readonly cycles: number;
  readonly seed: number;
  /** Producers of each door. */
  readonly producers: number;
  readonly partitions: number;
  /** The shortest and the longest life of a server, ms. */
  readonly livesMs: readonly [shortest: number, longest: number];
  /** Kills after which topics, groups and queue are left for new ones, so that a check stays short. */
  readonly eraCycles: number;
  /** Told after each kill. */
  readonly onCycle?: (facts: TortureFacts) => void;
}

/** What came of it; `problems` is empty when every promise held. */
export interface TortureFacts {
  readonly kills: number;
  /** Records acknowledged, and records that a reader saw first. */
  readonly acknowledged: number;
  readonly seen: number;
  readonly commits: number;
  readonly settled: number;
  readonly transactions: number;
  /** Records read by all checks together. */
  readonly checked: number;
  readonly readyMsMax: number;
  readonly problems: readonly string[];
}

const erasKept = 3;

/** Arguments of a server under torture: small segments and frequent checkpoints, so that many moments differ. */
export function tortureFlags(kafkaPort: number): readonly string[] {
  return [
    "--kafka-port",
    String(kafkaPort),
    "--log-level",
    "warn",
    "--checkpoint-interval-ms",
    "100",
    "--topic-defaults",
    "segment.bytes=65536",
  ];
}

/** Runs the torture on one data directory. */
export async function torture(options: TortureOptions): Promise<TortureFacts> {
  const [port, kafkaPort] = [await freePort(), await freePort()];
  return new Torture(options, [port, kafkaPort]).run();
}

class Torture {
  readonly #options: TortureOptions;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #endpoints: Endpoints;
  readonly #start: { dataDir: string; port: number; flags: readonly string[] };
  readonly #eras: Era[] = [];
  #server: ServerProcess | null = null;
  #held: HeldServer | null = null;
  #erasBegun = 0;
  #kills = 0;
  #checked = 0;
  #readyMsMax = 0;

  constructor(options: TortureOptions, [port, kafkaPort]: readonly [number, number]) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#endpoints = { url: `http://127.0.0.1:${port}`, kafka: `127.0.0.1:${kafkaPort}` };
    this.#start = { dataDir: options.dataDir, port, flags: tortureFlags(kafkaPort) };
  }

  async run(): Promise<TortureFacts> {
    await prepareCompression();
    try {
      this.#server = await ServerProcess.start(this.#start);
      while (this.#kills < this.#options.cycles && this.#ledger.problems.length === 0) {
        await this.#era();
      }
      if (this.#ledger.problems.length === 0) await this.#check(this.#eras);
    } catch (error) {
      this.#ledger.problem(String(error));
    } finally {
      await this.#held?.drop();
      await this.#server?.stop();
    }
    return this.#facts();
  }

  async #era(): Promise<void> {
    const { producers, partitions, eraCycles, cycles } = this.#options;
    const era = eraOf(`era${this.#erasBegun++}`, partitions);
    const parts = { ledger: this.#ledger, random: this.#random, endpoints: this.#endpoints };
    const context = new LoadContext({ ...parts, era });
    await createEra(context);
    this.#eras.push(era);
    const load = new Load(context, clientsOf(era.name, { producers, partitions }));
    const last = Math.min(cycles, this.#kills + eraCycles);
    try {
      while (this.#kills < last && this.#ledger.problems.length === 0) await this.#cycle(context);
    } finally {
      await load.stop();
    }
    if (this.#ledger.problems.length > 0) return;
    await closeEra(context);
    if (this.#eras.length > erasKept) await leaveEra(context, this.#eras.shift() as Era);
  }

  async #cycle(context: LoadContext): Promise<void> {
    const { ledger } = context;
    this.#held = ServerProcess.hold(this.#start);
    // Short lives are the rule and long ones happen: each length is as likely as twice the length.
    const [shortest, longest] = this.#options.livesMs;
    const lifeMs = shortest * (longest / shortest) ** (this.#random.below(1000) / 1000);
    const isPaused = this.#random.below(8) === 0;
    await sleep(lifeMs / 2);
    if (isPaused) {
      this.#server?.child.kill("SIGSTOP");
      await sleep(this.#random.below(200));
      if (this.#random.below(2) === 0) this.#server?.child.kill("SIGCONT");
    }
    await sleep(lifeMs / 2);
    context.fall();
    await this.#server?.stop("SIGKILL");
    this.#kills++;
    const damage = await damageIn(this.#options.dataDir);
    for (const each of damage) ledger.problem(`kill ${this.#kills}: check: ${each}`);
    this.#server = await this.#held.start();
    this.#held = null;
    this.#readyMsMax = Math.max(this.#readyMsMax, this.#server.readyMs);
    // The era that is being written, and one of those before it in turn.
    const earlier = this.#eras[this.#kills % this.#eras.length];
    await this.#check([...new Set([context.era, earlier ?? context.era])]);
    context.rise();
    this.#options.onCycle?.(this.#facts());
  }

  async #check(eras: readonly Era[]): Promise<void> {
    const scope = { endpoints: this.#endpoints, eras, upTo: this.#ledger.now, isLive: true };
    const { problems, records } = await audit(this.#ledger, scope);
    this.#checked += records;
    for (const problem of problems) this.#ledger.problem(`kill ${this.#kills}: ${problem}`);
    if (this.#server?.output.includes("corrupt")) {
      this.#ledger.problem(`kill ${this.#kills}: ${this.#server.output.slice(-500)}`);
    }
  }

  #facts(): TortureFacts {
    const { counts, problems } = this.#ledger;
    return {
      kills: this.#kills,
      acknowledged: counts.records,
      seen: counts.seen,
      commits: counts.commits,
      settled: counts.settled,
      transactions: counts.transactions,
      checked: this.#checked,
      readyMsMax: this.#readyMsMax,
      problems,
    };
  }
}
