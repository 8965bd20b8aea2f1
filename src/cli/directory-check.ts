// Checks a whole data directory: its own files, then every partition in it.

import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { readPartitionMetadata } from "../broker/partition-metadata.ts";
import { type Checkpoint, decodeCheckpoint, hexOfCrc } from "../storage/checkpoint-file.ts";
import { checkpointNamedBy, cleanMarkerName } from "../storage/data-directory.ts";
import { type Disk, readWhole } from "../storage/disk.ts";
import { clusterIdIn, decodeFormat } from "../storage/format-file.ts";
import { NodeDisk } from "../storage/node-disk.ts";
import { isRetiredName, parsePartitionName } from "../storage/partition-name.ts";
import { isInCatalog, readCatalog } from "./catalog-reader.ts";
import { checkPartition, type PartitionReport } from "./partition-check.ts";
import type { Problem } from "./segment-check.ts";
import { checkStates } from "./state-check.ts";

/** How thoroughly to look. */
export interface CheckOptions {
  /** True to decode every record too. */
  readonly isDeep: boolean;
  /** True where compaction may have left holes between offsets. */
  readonly mayHaveHoles: boolean;
  /** Told of each partition as soon as it has been read. */
  readonly onPartition: (report: PartitionReport) => Promise<void>;
  /** Told how many bytes of how many have been read. */
  readonly onBytes: (doneBytes: number, totalBytes: number) => void;
}

/** What was found outside of the partitions. */
export interface DirectoryReport {
  readonly problems: readonly Problem[];
  readonly notes: readonly Problem[];
  /** Events of the server's own states that were replayed, by topic; empty unless the look is a deep one. */
  readonly events: Readonly<Record<string, number>>;
}

/** The files of a data directory that say something of its partitions. */
interface DirectoryState {
  readonly checkpoint: Checkpoint | null;
  readonly isClean: boolean;
}

// Reading needs no maps, and must not depend on native code.
const disk: Disk = new NodeDisk({ readMode: "pread", native: null });

/** True when the path is a data directory, by what it holds. */
export async function isDataDirectory(path: string): Promise<boolean> {
  const names = await readdir(path);
  return names.includes("format.json") || names.some((name) => parsePartitionName(name) !== null);
}

/** Checks all of a data directory. Throws what the file system throws. */
export async function checkDataDirectory(
  path: string,
  options: CheckOptions,
): Promise<DirectoryReport> {
  const problems: Problem[] = [];
  const notes: Problem[] = [];
  const own = new OwnFiles(path, problems, notes);
  await own.checkIdentity();
  const state = await own.state();
  const names = (await readdir(path)).sort(byTopicThenPartition);
  const reports = new Map<string, PartitionReport>();
  const progress = await Progress.over(path, names);
  for (const name of names) {
    if (parsePartitionName(name) !== null) {
      await own.checkMetadata(name);
      const report = await partitionIn(join(path, name), state, {
        ...options,
        onBytes: (bytes) => options.onBytes(...progress.after(bytes)),
      });
      reports.set(name, report);
      await options.onPartition(report);
    } else if (isRetiredName(name)) {
      notes.push({
        file: join(path, name),
        position: null,
        detail: "is deleted and to be removed",
      });
    } else if (name.endsWith("-stray")) {
      notes.push({ file: join(path, name), position: null, detail: "belongs to no topic" });
    }
  }
  const missing = [...(state.checkpoint?.entries.keys() ?? [])].filter((name) => {
    return !names.includes(name);
  });
  // The checkpoint follows the catalog: a server that was killed may leave one that names what was deleted.
  const catalog = missing.length === 0 ? null : await readCatalog(path);
  for (const name of missing) {
    if (catalog !== null && !isInCatalog(catalog, name)) {
      const detail = "is in the checkpoint; its topic was deleted";
      notes.push({ file: join(path, name), position: null, detail });
      continue;
    }
    const detail = "is in the checkpoint but not here";
    problems.push({ file: join(path, name), position: null, detail });
  }
  if (!options.isDeep) return { problems, notes, events: {} };
  const entries = state.checkpoint?.entries ?? new Map();
  const states = await checkStates({ path, reports, entries, isClean: state.isClean });
  problems.push(...states.problems);
  notes.push(...states.notes);
  return { problems, notes, events: states.events };
}

class Progress {
  readonly #totalBytes: number;
  #doneBytes = 0;

  private constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
  }

  static async over(path: string, names: readonly string[]): Promise<Progress> {
    let totalBytes = 0;
    for (const name of names) {
      if (parsePartitionName(name) === null) continue;
      for (const file of await readdir(join(path, name))) {
        if (file.endsWith(".log")) totalBytes += (await disk.sizeOf(join(path, name, file))) ?? 0;
      }
    }
    return new Progress(totalBytes);
  }

  after(bytes: number): [doneBytes: number, totalBytes: number] {
    this.#doneBytes += bytes;
    return [this.#doneBytes, this.#totalBytes];
  }
}

/**
 * Checks one partition directory, or one segment file of it, with what the data directory around it knows.
 *
 * @param path A partition directory or a `.log` file.
 */
export async function checkOne(path: string, options: CheckOptions): Promise<void> {
  const full = resolve(path);
  const isDirectory = (await stat(full)).isDirectory();
  const directory = isDirectory ? full : dirname(full);
  const state = await new OwnFiles(dirname(directory), [], []).state();
  const onlyBase = isDirectory ? null : Number(basename(full, ".log"));
  const looked = { ...options, onlyBase, onBytes: () => undefined };
  await options.onPartition(await partitionIn(directory, state, looked));
}

function partitionIn(
  directory: string,
  state: DirectoryState,
  options: Omit<CheckOptions, "onBytes" | "onPartition"> & {
    readonly onlyBase?: number | null;
    readonly onBytes: (bytes: number) => void;
  },
): Promise<PartitionReport> {
  return checkPartition({
    directory,
    checkpoint: state.checkpoint?.entries.get(basename(directory)) ?? null,
    isClean: state.isClean,
    isDeep: options.isDeep,
    mayHaveHoles: options.mayHaveHoles,
    onlyBase: options.onlyBase ?? null,
    onBytes: options.onBytes,
  });
}

class OwnFiles {
  readonly #path: string;
  readonly #problems: Problem[];
  readonly #notes: Problem[];

  constructor(path: string, problems: Problem[], notes: Problem[]) {
    this.#path = path;
    this.#problems = problems;
    this.#notes = notes;
  }

  async checkIdentity(): Promise<void> {
    const bytes = await readWhole(disk, join(this.#path, "format.json"));
    const reading = bytes === null ? null : decodeFormat(bytes);
    if (reading === null) this.#problem("format.json", "is missing");
    else if (reading.kind === "damaged") this.#problem("format.json", "cannot be understood");
    else if (reading.kind === "newer") {
      this.#problem("format.json", `is of version ${reading.version}, made by a newer Varve`);
    }
    const properties = await readWhole(disk, join(this.#path, "meta.properties"));
    if (properties === null) this.#note("meta.properties", "is missing; a server makes it again");
    else if (reading?.kind === "known") {
      const clusterId = clusterIdIn(properties);
      if (clusterId === null) {
        this.#note("meta.properties", "is damaged; a server makes it again");
      } else if (clusterId !== reading.format.clusterId) {
        this.#problem("meta.properties", `names cluster ${clusterId}, format.json another`);
      }
    }
  }

  async state(): Promise<DirectoryState> {
    const bytes = await readWhole(disk, join(this.#path, "checkpoint"));
    const checkpoint = bytes === null ? null : decodeCheckpoint(bytes);
    if (bytes !== null && checkpoint === null) {
      this.#problem("checkpoint", "does not match its checksum; a server scans instead");
    }
    const marker = await readWhole(disk, join(this.#path, cleanMarkerName));
    const isClean =
      marker !== null &&
      checkpoint !== null &&
      checkpointNamedBy(marker) === hexOfCrc(checkpoint.crc);
    if (!isClean) {
      this.#note(null, "no orderly stop: a server is running or was killed; ends may still move");
    }
    return { checkpoint, isClean };
  }

  async checkMetadata(name: string): Promise<void> {
    const directory = join(this.#path, name);
    const file = join(name, "partition.metadata");
    if (!(await disk.exists(join(directory, "partition.metadata")))) {
      this.#note(file, "is missing");
    } else if ((await readPartitionMetadata(disk, directory)) === null) {
      this.#problem(file, "cannot be understood");
    }
  }

  #problem(name: string | null, detail: string): void {
    this.#problems.push({ file: this.#pathOf(name), position: null, detail });
  }

  #note(name: string | null, detail: string): void {
    this.#notes.push({ file: this.#pathOf(name), position: null, detail });
  }

  #pathOf(name: string | null): string {
    return name === null ? this.#path : join(this.#path, name);
  }
}

function byTopicThenPartition(a: string, b: string): number {
  const first = parsePartitionName(a);
  const second = parsePartitionName(b);
  if (first === null || second === null || first.topic !== second.topic) return a < b ? -1 : 1;
  return first.partition - second.partition;
}
