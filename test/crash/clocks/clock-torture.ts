// A server whose wall clock jumps by a day, forwards and back, while it works: nothing that was acknowledged is lost,
// nothing grows old at once, leases last, members of groups stay.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Random, seededRandom } from "../../../src/base/random.ts";
import { prepareCompression } from "../../../src/record/compression.ts";
import {
  freePort,
  ServerProcess,
  type ServerProcessOptions,
} from "../../support/server-process.ts";
import { audit } from "../audit.ts";
import { damageIn } from "../damage.ts";
import { type Era, eraOf } from "../era.ts";
import { clientsOf, closeEra, createEra } from "../eras.ts";
import { tortureFlags } from "../kill-torture.ts";
import { Ledger } from "../ledger.ts";
import { Load, LoadContext, sleep } from "../load.ts";
import { groupMember } from "../member-client.ts";
import type { Endpoints } from "../server-calls.ts";

/** What one run does. */
export interface ClockOptions {
  /** An empty directory. */
  readonly folder: string;
  /** The library that fakes the time. */
  readonly library: string;
  readonly steps: number;
  readonly seed: number;
  /** How old records may become, in hours; a jump must not make them so. */
  readonly retentionHours: number;
  /** True to kill the server now and then. A start cannot tell a clock that jumped from days that it was off. */
  readonly withKills: boolean;
  /** Told after each step. */
  readonly onStep?: (facts: ClockFacts) => void;
}

/** What came of it; `problems` is empty when every promise held. */
export interface ClockFacts {
  readonly steps: number;
  readonly kills: number;
  readonly acknowledged: number;
  readonly settled: number;
  readonly checked: number;
  readonly problems: readonly string[];
}

const daysMax = 3;

/** Runs the torture. */
export async function tortureClocks(options: ClockOptions): Promise<ClockFacts> {
  await prepareCompression();
  return new ClockTorture(options, [await freePort(), await freePort()]).run();
}

class ClockTorture {
  readonly #options: ClockOptions;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #endpoints: Endpoints;
  readonly #start: ServerProcessOptions;
  readonly #clockFile: string;
  readonly #era: Era = eraOf("clock");
  #days = 0;
  readonly #daysLeast: number;
  #steps = 0;
  #kills = 0;
  #checked = 0;

  constructor(options: ClockOptions, [port, kafkaPort]: readonly [number, number]) {
    const { folder, library, retentionHours } = options;
    // What is stamped while the clock is set back is old by its own word, and retention believes that.
    this.#daysLeast = retentionHours > 24 * daysMax ? -daysMax : 0;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#endpoints = { url: `http://127.0.0.1:${port}`, kafka: `127.0.0.1:${kafkaPort}` };
    this.#clockFile = join(folder, "clock");
    // Whoever appends on this machine has another clock than the server: records carry the server's time.
    const topics = `retention.ms=${retentionHours * 3_600_000}`;
    this.#start = {
      dataDir: join(folder, "data"),
      port,
      flags: [
        ...tortureFlags(kafkaPort),
        "--retention-check-interval-ms",
        "200",
        "--topic-defaults",
        topics,
        "--topic-defaults",
        "message.timestamp.type=LogAppendTime",
      ],
      env: {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: this.#clockFile,
        FAKETIME_NO_CACHE: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      },
    };
  }

  async run(): Promise<ClockFacts> {
    const { steps } = this.#options;
    this.#setClock();
    let server = await ServerProcess.start(this.#start);
    const parts = { ledger: this.#ledger, random: this.#random, endpoints: this.#endpoints };
    const context = new LoadContext({ ...parts, era: this.#era });
    try {
      await createEra(context);
      const size = { producers: 2, partitions: this.#era.partitions };
      const clients = [...clientsOf("clock", size), groupMember(`members-${this.#era.name}`)];
      const load = new Load(context, clients);
      try {
        while (this.#steps < steps && this.#ledger.problems.length === 0) {
          server = await this.#step(context, server);
          this.#options.onStep?.(this.#facts());
        }
      } finally {
        await load.stop();
      }
      await this.#look();
      if (this.#ledger.problems.length === 0) await closeEra(context);
    } catch (error) {
      this.#ledger.problem(String(error));
    } finally {
      await server.stop("SIGKILL");
    }
    return this.#facts();
  }

  async #step(context: LoadContext, server: ServerProcess): Promise<ServerProcess> {
    await sleep(500 + this.#random.below(1000));
    const isForward =
      this.#days === this.#daysLeast || (this.#days < daysMax && this.#random.below(2) > 0);
    this.#days += isForward ? 1 : -1;
    this.#setClock();
    this.#steps++;
    await sleep(500 + this.#random.below(500));
    // Nobody goes away: members must still be known, and leases hold.
    if (!this.#options.withKills || this.#random.below(3) > 0) return server;
    context.fall();
    await server.stop("SIGKILL");
    this.#kills++;
    for (const each of await damageIn(this.#start.dataDir)) this.#problem(`check: ${each}`);
    // A lease that outlives its server is told by the wall clock, and that has jumped.
    for (const message of this.#ledger.queueOf(this.#era.queue).values()) message.heldUntilMs = 0;
    const next = await ServerProcess.start(this.#start);
    await this.#look();
    context.rise();
    return next;
  }

  async #look(): Promise<void> {
    const scope = { endpoints: this.#endpoints, eras: [this.#era], isLive: true };
    const { problems, records } = await audit(this.#ledger, { ...scope, upTo: this.#ledger.now });
    this.#checked += records;
    for (const each of problems) this.#problem(each);
  }

  #problem(what: string): void {
    this.#ledger.problem(`step ${this.#steps}, day ${this.#days}: ${what}`);
  }

  #setClock(): void {
    writeFileSync(this.#clockFile, `${this.#days < 0 ? "-" : "+"}${Math.abs(this.#days)}d\n`);
  }

  #facts(): ClockFacts {
    const { counts, problems } = this.#ledger;
    return {
      steps: this.#steps,
      kills: this.#kills,
      acknowledged: counts.records,
      settled: counts.settled,
      checked: this.#checked,
      problems,
    };
  }
}
