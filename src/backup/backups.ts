// Backups of a data directory that is being served: one at a time, in the background, with a status to look at.
//
// A backup shows one instant: what a power cut at that instant would have left on the disk, and nothing that would have
// been lost. So whatever a start makes of such a disk, it makes of the backup (decision 0025).

import { resolve } from "node:path";
import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { LoopShare } from "../base/loop-share.ts";
import type { Broker } from "../broker/broker.ts";
import type { BrokerCut } from "../broker/broker-cut.ts";
import { defaultLimits } from "../log/log-options.ts";
import type { BackupServices, BackupStatus } from "../services.ts";
import type { DataDirectory } from "../storage/data-directory.ts";
import type { Disk } from "../storage/disk.ts";
import { isWithin, refusal, requireEmpty } from "./backup-place.ts";
import { type BackupPlan, writeBackup } from "./backup-writer.ts";
import { stage, stagingName } from "./staging.ts";

/** What backups are made of. */
export interface BackupsOptions {
  readonly broker: Broker;
  readonly data: DataDirectory;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where backups may be made; null for anywhere. */
  readonly root: string | null;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** The backups of one engine. */
export class Backups implements BackupServices {
  readonly root: string | null;
  readonly #options: BackupsOptions;
  readonly #share: LoopShare;
  // What a process that died in the middle of a backup left is of no use.
  readonly #cleared: Promise<void>;
  #status: Mutable<BackupStatus> | null = null;
  #running: Promise<void> | null = null;
  #isCancelled = false;
  #isClosed = false;

  /** @param options An open broker and its data directory. */
  constructor(options: BackupsOptions) {
    this.#options = options;
    this.root = options.root === null ? null : resolve(options.root);
    this.#share = new LoopShare(options.clock);
    this.#cleared = this.#clear();
  }

  async begin(path: string): Promise<BackupStatus> {
    if (this.#isClosed) throw new LogError("SERVER_STOPPING", "the server is stopping");
    if (this.#running !== null) {
      const running = this.#status?.path ?? "";
      throw new LogError("BACKUP_IN_PROGRESS", `a backup to ${running} is being made`, {
        facts: { path: running },
      });
    }
    this.#isCancelled = false;
    const begun = this.#begin(path);
    // The place is checked, and nobody else begins meanwhile.
    this.#running = begun.then(
      () => undefined,
      () => undefined,
    );
    try {
      const status = await begun;
      this.#status = status;
      this.#running = this.#run(status).finally(() => {
        this.#running = null;
      });
      return { ...status };
    } catch (error) {
      this.#running = null;
      throw error;
    }
  }

  status(): BackupStatus | null {
    return this.#status === null ? null : { ...this.#status };
  }

  async cancel(): Promise<void> {
    this.#isCancelled = true;
    while (this.#running !== null) await this.#running;
  }

  /** Gives up what runs and begins nothing any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.cancel();
    await this.#cleared;
  }

  async #begin(path: string): Promise<Mutable<BackupStatus>> {
    const { data, disk, clock } = this.#options;
    if (!path.startsWith("/")) {
      throw new LogError("INVALID_REQUEST", `the path of a backup is absolute, not '${path}'`);
    }
    if (this.root !== null && !isWithin(path, this.root)) {
      throw refusal(path, `is not below ${this.root}, where backups may be made`);
    }
    if (isWithin(path, resolve(data.path))) throw refusal(path, "lies inside the data directory");
    await requireEmpty(disk, path);
    return {
      path,
      state: "running",
      startedMs: clock.nowMs(),
      cutMs: null,
      endedMs: null,
      partitions: 0,
      files: 0,
      bytes: 0,
      doneBytes: 0,
      problem: null,
    };
  }

  async #run(status: Mutable<BackupStatus>): Promise<void> {
    const { clock, logger } = this.#options;
    let cut: BrokerCut | null = null;
    try {
      await this.#cleared;
      cut = await this.#options.broker.cut();
      status.cutMs = cut.atMs;
      const plan = await this.#stage(cut, status);
      await this.#write(plan, status);
      status.state = "done";
      logger.info({ path: status.path, bytes: status.bytes, files: status.files }, "backup made");
    } catch (error) {
      status.state = this.#isCancelled ? "cancelled" : "failed";
      status.problem = error instanceof LogError ? error.message : "an unexpected error";
      const facts = { err: error, path: status.path };
      if (this.#isCancelled) logger.info({ path: status.path }, "the backup was given up");
      else logger.error(facts, "the backup failed; what it wrote is no backup");
    } finally {
      for (const log of cut?.logs.values() ?? []) log.release();
      status.endedMs = clock.nowMs();
      await this.#clear();
    }
  }

  async #stage(cut: BrokerCut, status: Mutable<BackupStatus>): Promise<BackupPlan> {
    const { disk, data } = this.#options;
    const plan = await stage(
      {
        disk,
        path: data.path,
        format: data.format,
        batchBytesMax: defaultLimits.unsyncedBytesMax,
        onFile: () => this.#checkCancelled(),
      },
      cut,
    );
    status.partitions = plan.partitions.length;
    status.files = plan.files.length;
    let bytes = 0;
    for (const file of plan.files) bytes += file.bytes ?? (await disk.sizeOf(file.from)) ?? 0;
    status.bytes = bytes;
    return plan;
  }

  async #write(plan: BackupPlan, status: Mutable<BackupStatus>): Promise<void> {
    const onBytes = (bytes: number): void => {
      this.#checkCancelled();
      status.doneBytes += bytes;
    };
    const parts = { disk: this.#options.disk, share: this.#share, onBytes };
    const { files, bytes } = await writeBackup(parts, plan, status.path);
    status.files = files;
    status.bytes = bytes;
  }

  #checkCancelled(): void {
    if (this.#isCancelled) throw new LogError("SERVER_STOPPING", "the backup was given up");
  }

  async #clear(): Promise<void> {
    const { disk, data, logger } = this.#options;
    try {
      await disk.remove(`${data.path}/${stagingName}`);
    } catch (error) {
      logger.warn({ err: error }, "what a backup left in the data directory stays for now");
    }
  }
}
