// A log at one instant: which files hold it, and how far the last of them counts. What a backup takes.

import type { Disk } from "../storage/disk.ts";
import type { LogEnd } from "./active-segment.ts";
import { compactionFileName } from "./compaction-file.ts";
import type { LogState } from "./log-state.ts";
import type { LogCheckpoint } from "./log-types.ts";
import { baseOffsetOfDerivedName, baseOffsetOfName, offsetOfSnapshotName } from "./segment.ts";

/** A log at one instant. Its files keep their names until `release`. */
export interface LogCut {
  /** The partition's directory. */
  readonly directory: string;
  /** Its entry in the checkpoint of that instant. */
  readonly checkpoint: LogCheckpoint;
  /** Base offsets of the segments, ascending; the last one is active. */
  readonly bases: readonly number[];
  /** What readers could see then ends here; the position is in the active segment. */
  readonly end: LogEnd;
  /** Batches may be missing inside segments below this offset. */
  readonly holesBelow: number;
  /** Lets the names go; calling it twice is harmless. */
  release(): void;
}

/** One file of a cut. */
export interface CutFile {
  /** In the partition's directory. */
  readonly name: string;
  /** `sealed` never changes again; of `active` the first `bytes` do not; `beside` is small, and may be replaced. */
  readonly kind: "sealed" | "active" | "beside";
  /** Bytes that count; null for all there are. */
  readonly bytes: number | null;
  /** Of segments: the offsets it holds, from the first to below the second; else null. */
  readonly offsets: { readonly from: number; readonly to: number } | null;
}

/** The log as it is at this instant. Synchronous: cuts of many logs in one turn are of one instant. */
export function cutLog(state: LogState, checkpoint: LogCheckpoint): LogCut {
  return {
    directory: state.options.directory,
    checkpoint,
    bases: state.segments.all.map((segment) => segment.baseOffset),
    end: state.visible,
    holesBelow: state.holesBelow,
    release: state.pins.take(),
  };
}

/**
 * The files of a cut that is not released. Indexes of the active segment are left out, and so is what is known of
 * producers above the end: they speak of batches that are not part of it.
 * @throws KAFKA_STORAGE_ERROR
 */
export async function filesOfCut(disk: Disk, cut: LogCut): Promise<readonly CutFile[]> {
  const names = await disk.list(cut.directory);
  return names.toSorted().flatMap((name) => fileOfCut(name, cut) ?? []);
}

function fileOfCut(name: string, { bases, end }: LogCut): CutFile | null {
  const activeBase = bases.at(-1) ?? 0;
  const beside = { name, kind: "beside", bytes: null, offsets: null } as const;
  const base = baseOffsetOfName(name);
  if (base !== null) {
    const at = bases.indexOf(base);
    if (at < 0) return null;
    if (base === activeBase) {
      return { name, kind: "active", bytes: end.position, offsets: { from: base, to: end.offset } };
    }
    const to = bases[at + 1] ?? end.offset;
    return { name, kind: "sealed", bytes: null, offsets: { from: base, to } };
  }
  const snapshotOffset = offsetOfSnapshotName(name);
  if (snapshotOffset !== null) return snapshotOffset <= end.offset ? beside : null;
  const derivedBase = baseOffsetOfDerivedName(name);
  if (derivedBase !== null) {
    const isWanted = derivedBase !== activeBase || name.endsWith(".txnindex");
    return isWanted && bases.includes(derivedBase) ? beside : null;
  }
  return name === "partition.metadata" || name === compactionFileName ? beside : null;
}
