// Power cuts on a plain machine: a server works on an image on a loop device, and at arbitrary moments the image is
// copied, which is what a power cut would have left. Each copy is mounted, its journal replayed, a server started on it
// and held to the ledger as it was before the copy began. The server stands still meanwhile: a copy of a disk that goes
// on working has files of different moments, a checkpoint newer than what it speaks of, and no device leaves that.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
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
import { clientsOf, closeEra, createEra, leaveEra } from "../eras.ts";
import { tortureFlags } from "../kill-torture.ts";
import { Ledger } from "../ledger.ts";
import { Load, LoadContext, sleep } from "../load.ts";
import type { Endpoints } from "../server-calls.ts";
import { type FileSystemKind, makeImage, type Mounted, mountImage } from "./file-systems.ts";

/** What one run does. */
export interface PowerOptions {
  /** An empty directory for images and mounts. */
  readonly folder: string;
  readonly kind: FileSystemKind;
  readonly images: number;
  readonly seed: number;
  /** Images after which topics, groups and queue are left for new ones. */
  readonly eraImages: number;
  /** Told after each image. */
  readonly onImage?: (facts: PowerFacts) => void;
}

/** What came of it; `problems` is empty when every promise held. */
export interface PowerFacts {
  readonly images: number;
  /** How many of them were copied while the server stood still. */
  readonly exact: number;
  /** How many of them caught a server that was just starting after a kill. */
  readonly starting: number;
  readonly acknowledged: number;
  readonly commits: number;
  readonly settled: number;
  readonly transactions: number;
  /** Records read from all copies together. */
  readonly checked: number;
  readonly readyMsMax: number;
  readonly problems: readonly string[];
}

const imageMebibytes = 400;
const erasKept = 2;
const checkpointIsTorn = "does not match its checksum; a server scans instead";
const size = { producers: 3, partitions: 3 };

/** Runs the torture. */
export async function torturePower(options: PowerOptions): Promise<PowerFacts> {
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
  await prepareCompression();
  return new PowerTorture(options, ports).run();
}

class PowerTorture {
  readonly #options: PowerOptions;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #live: Endpoints;
  readonly #copy: Endpoints;
  readonly #image: string;
  readonly #start: ServerProcessOptions;
  readonly #startCopy: ServerProcessOptions;
  readonly #eras: Era[] = [];
  #erasBegun = 0;
  #server: ServerProcess | null = null;
  #images = 0;
  #exact = 0;
  #starting = 0;
  #checked = 0;
  #readyMsMax = 0;

  constructor(options: PowerOptions, ports: readonly number[]) {
    const [port = 0, kafkaPort = 0, copyPort = 0, copyKafkaPort = 0] = ports;
    const { folder } = options;
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#image = join(folder, "live.img");
    this.#live = { url: `http://127.0.0.1:${port}`, kafka: `127.0.0.1:${kafkaPort}` };
    this.#copy = { url: `http://127.0.0.1:${copyPort}`, kafka: `127.0.0.1:${copyKafkaPort}` };
    this.#start = {
      dataDir: join(folder, "live/data"),
      port,
      flags: tortureFlags(kafkaPort),
    };
    this.#startCopy = {
      dataDir: join(folder, "copy/data"),
      port: copyPort,
      flags: tortureFlags(copyKafkaPort),
    };
  }

  async run(): Promise<PowerFacts> {
    const { kind, folder, images } = this.#options;
    makeImage(this.#image, kind, imageMebibytes);
    const live = mountImage(this.#image, kind, join(folder, "live"));
    try {
      this.#server = await ServerProcess.start(this.#start);
      while (this.#images < images && this.#ledger.problems.length === 0) await this.#era();
    } catch (error) {
      this.#ledger.problem(String(error));
    } finally {
      await this.#server?.stop("SIGKILL");
      live.unmount();
    }
    return this.#facts();
  }

  async #era(): Promise<void> {
    const era = eraOf(`era${this.#erasBegun++}`, size.partitions);
    const parts = { ledger: this.#ledger, random: this.#random, endpoints: this.#live };
    const context = new LoadContext({ ...parts, era });
    await createEra(context);
    this.#eras.push(era);
    const load = new Load(context, clientsOf(era.name, size));
    const last = Math.min(this.#options.images, this.#images + this.#options.eraImages);
    try {
      while (this.#images < last && this.#ledger.problems.length === 0) {
        await sleep(50 + this.#random.below(800));
        await this.#cut(context);
        this.#options.onImage?.(this.#facts());
      }
    } finally {
      context.rise();
      await load.stop();
    }
    if (this.#ledger.problems.length > 0) return;
    await closeEra(context);
    if (this.#eras.length > erasKept) await leaveEra(context, this.#eras.shift() as Era);
  }

  async #cut(context: LoadContext): Promise<void> {
    const copy = join(this.#options.folder, "copy.img");
    const isStarting = this.#random.below(5) === 0;
    let upTo = this.#ledger.now;
    if (isStarting) {
      context.fall();
      await this.#server?.stop("SIGKILL");
      upTo = this.#ledger.now;
      const starting = ServerProcess.start(this.#start);
      await sleep(this.#random.below(1500));
      await copyImage(this.#image, copy);
      this.#server = await starting;
    } else {
      this.#server?.child.kill("SIGSTOP");
      upTo = this.#ledger.now;
      await copyImage(this.#image, copy);
      this.#server?.child.kill("SIGCONT");
      context.hold();
    }
    this.#images++;
    if (!isStarting) this.#exact++;
    if (isStarting) this.#starting++;
    const kind = isStarting ? "starting" : "exact";
    const found = await this.#look(copy, { upTo, isSmeared: isStarting });
    // A start writes while it is copied: it may have the checkpoint's new name without its bytes. That is derived, and
    // what it says is not believed.
    const problems = found.filter((each) => !isStarting || !each.includes(checkpointIsTorn));
    for (const each of problems) this.#ledger.problem(`image ${this.#images} (${kind}): ${each}`);
    // What is wrong with it is to be looked at.
    if (problems.length === 0) rmSync(copy);
    context.rise();
  }

  async #look(
    image: string,
    { upTo, isSmeared }: { readonly upTo: number; readonly isSmeared: boolean },
  ): Promise<readonly string[]> {
    const { folder, kind } = this.#options;
    let mounted: Mounted | null = null;
    let server: ServerProcess | null = null;
    try {
      mounted = mountImage(image, kind, join(folder, "copy"));
      const problems = (await damageIn(this.#startCopy.dataDir)).map((each) => `check: ${each}`);
      server = await ServerProcess.start(this.#startCopy);
      this.#readyMsMax = Math.max(this.#readyMsMax, server.readyMs);
      const scope = { endpoints: this.#copy, eras: this.#eras, upTo, isLive: false, isSmeared };
      const found = await audit(this.#ledger, scope);
      this.#checked += found.records;
      problems.push(...found.problems);
      if (server.output.includes("corrupt")) problems.push(server.output.slice(-500));
      await server.stop();
      problems.push(...(await damageIn(this.#startCopy.dataDir)).map((each) => `after: ${each}`));
      return problems;
    } catch (error) {
      return [`${String(error)}`];
    } finally {
      await server?.stop("SIGKILL");
      mounted?.unmount();
    }
  }

  #facts(): PowerFacts {
    const { counts, problems } = this.#ledger;
    return {
      images: this.#images,
      exact: this.#exact,
      starting: this.#starting,
      acknowledged: counts.records,
      commits: counts.commits,
      settled: counts.settled,
      transactions: counts.transactions,
      checked: this.#checked,
      readyMsMax: this.#readyMsMax,
      problems,
    };
  }
}

// Holes stay holes. In a process of its own: the clients wait meanwhile.
async function copyImage(from: string, to: string): Promise<void> {
  const child = spawn("cp", ["--sparse=always", from, to], { stdio: "ignore" });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`the image could not be copied to ${to}`);
}
