// Makes the n-th call to the operating system fail, or ends the server before it, for one n after the other; then the
// server starts again without faults, and is held to the ledger.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../../src/base/random.ts";
import { prepareCompression } from "../../../src/record/compression.ts";
import {
  freePort,
  ServerProcess,
  type ServerProcessOptions,
} from "../../support/server-process.ts";
import { audit } from "../audit.ts";
import { damageIn } from "../damage.ts";
import { type Era, eraOf } from "../era.ts";
import { createEra, leaveEra } from "../eras.ts";
import { tortureFlags } from "../kill-torture.ts";
import { Ledger } from "../ledger.ts";
import { type Client, Load, LoadContext, sleep } from "../load.ts";
import { sender, worker } from "../queue-clients.ts";
import { committer, housekeeper, httpProducer, idempotentProducer } from "../record-clients.ts";
import { type Endpoints, isBroken, Refused } from "../server-calls.ts";
import { transactor } from "../transaction-client.ts";
import { resynced, type ShimCall, type ShimPlan, shimCalls, shimEnvironment } from "./shim.ts";

/** What one run does. */
export interface SweepOptions {
  /** An empty directory. */
  readonly folder: string;
  /** The shim. */
  readonly library: string;
  readonly plans: readonly ShimPlan[];
  readonly seed: number;
  /** Length of the load, ms. */
  readonly loadMs: number;
  /** Told after each plan. */
  readonly onPlan?: (plan: ShimPlan, facts: SweepFacts) => void;
}

/** What came of it; `problems` is empty when every promise held. */
export interface SweepFacts {
  readonly plans: number;
  /** Plans whose call came. */
  readonly met: number;
  /** Refusals that clients were told of. */
  readonly refused: number;
  readonly acknowledged: number;
  readonly checked: number;
  readonly problems: readonly string[];
}

/** Runs all plans on one data directory, each after a start of its own. */
export async function sweepFaults(options: SweepOptions): Promise<SweepFacts> {
  await prepareCompression();
  const ports = [await freePort(), await freePort()] as const;
  return new Sweep(options, ports).run();
}

class Sweep {
  readonly #options: SweepOptions;
  readonly #ledger = new Ledger();
  readonly #endpoints: Endpoints;
  readonly #start: ServerProcessOptions;
  readonly #random;
  #earlier: Era | null = null;
  #plans = 0;
  #met = 0;
  #refused = 0;
  #checked = 0;

  constructor(options: SweepOptions, [port, kafkaPort]: readonly [number, number]) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#endpoints = { url: `http://127.0.0.1:${port}`, kafka: `127.0.0.1:${kafkaPort}` };
    const dataDir = join(options.folder, "data");
    this.#start = { dataDir, port, flags: tortureFlags(kafkaPort) };
  }

  async run(): Promise<SweepFacts> {
    await endServer(await ServerProcess.start(this.#start));
    for (const plan of this.#options.plans) {
      try {
        await this.#meet(plan);
      } catch (error) {
        this.#ledger.problem(`${nameOf(plan)}: ${String(error)}`);
      }
      this.#options.onPlan?.(plan, this.#facts());
      if (this.#ledger.problems.length > 0) break;
    }
    return this.#facts();
  }

  async #meet(plan: ShimPlan): Promise<void> {
    const { folder, library } = this.#options;
    const { dataDir } = this.#start;
    const log = join(folder, "calls.txt");
    rmSync(log, { force: true });
    const era = eraOf(`plan${this.#plans++}`, 2);
    const parts = { ledger: this.#ledger, random: this.#random, endpoints: this.#endpoints };
    const context = new LoadContext({ ...parts, era });
    const env = shimEnvironment(library, { dataDir, log, plan });
    // It may be that it cannot start; then it says so and ends.
    const server = await ServerProcess.start({ ...this.#start, env }).catch(() => null);
    if (server !== null) await this.#load(context, server);
    const calls = shimCalls(log);
    if (calls.some(({ outcome }) => outcome === "planned" || outcome === "exit")) this.#met++;
    this.#judge(plan, calls);
    await this.#look(plan, context);
  }

  async #load(context: LoadContext, server: ServerProcess): Promise<void> {
    context.mayRefuse = () => true;
    context.mayBreak = true;
    context.onRefused = () => this.#refused++;
    try {
      const isMade = await createEra(context).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Refused || isBroken(error)) return false;
          throw error;
        },
      );
      if (isMade) {
        const load = new Load(context, clientsOf(context.era));
        await sleep(this.#options.loadMs);
        const isOrderly = this.#random.below(2) === 0;
        if (isOrderly) {
          await load.stop();
        } else {
          await server.stop("SIGKILL");
          await load.stop();
        }
      }
    } finally {
      await endServer(server);
    }
  }

  #judge(plan: ShimPlan, calls: readonly ShimCall[]): void {
    for (const each of resynced(calls)) this.#ledger.problem(`${nameOf(plan)}: ${each}`);
  }

  async #look(plan: ShimPlan, context: LoadContext): Promise<void> {
    const problems = (await damageIn(this.#start.dataDir)).map((each) => `check: ${each}`);
    const server = await ServerProcess.start(this.#start);
    try {
      const eras = [context.era, ...(this.#earlier === null ? [] : [this.#earlier])];
      const upTo = this.#ledger.now;
      const scope = { endpoints: this.#endpoints, eras, upTo, isLive: true };
      const found = await audit(this.#ledger, scope);
      this.#checked += found.records;
      problems.push(...found.problems);
      for (const each of problems) this.#ledger.problem(`${nameOf(plan)}: ${each}`);
      const isMade = this.#ledger.topics.get(context.era.queue)?.createdAt !== Infinity;
      if (this.#earlier !== null && problems.length === 0) await leaveEra(context, this.#earlier);
      this.#earlier = isMade && this.#ledger.topics.has(context.era.queue) ? context.era : null;
    } finally {
      await server.stop("SIGKILL");
    }
  }

  #facts(): SweepFacts {
    return {
      plans: this.#plans,
      met: this.#met,
      refused: this.#refused,
      acknowledged: this.#ledger.counts.records,
      checked: this.#checked,
      problems: this.#ledger.problems,
    };
  }
}

function clientsOf(era: Era): readonly Client[] {
  const { name } = era;
  return [
    httpProducer(`${name}-http`),
    idempotentProducer(`${name}-kafka`),
    committer(0),
    transactor(0),
    housekeeper(name),
    sender(`${name}-job`),
    worker,
  ];
}

/** A stop in order; one that hangs on its disk is killed. */
export async function endServer(server: ServerProcess): Promise<void> {
  const patience = setTimeout(() => server.child.kill("SIGKILL"), 15_000);
  try {
    await server.stop("SIGTERM");
  } finally {
    clearTimeout(patience);
  }
}

/** How a plan is named. */
export function nameOf({ call, at, action }: ShimPlan): string {
  return `${call} ${at} ${action}`;
}
