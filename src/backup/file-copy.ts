// Files read once from end to end: checksummed, copied on the way where wanted, and held to be what they should.

import { extendCrc32c } from "../base/crc32c.ts";
import { LogError } from "../base/error.ts";
import type { LoopShare } from "../base/loop-share.ts";
import { type SegmentDamage, type SegmentRange, verifyBatches } from "../log/batch-verify.ts";
import type { ByteSource } from "../log/batch-walk.ts";
import type { Disk, DiskFile } from "../storage/disk.ts";

const pieceBytes = 1 << 20;

/** What reading needs beside the file. */
export interface CopyParts {
  readonly disk: Disk;
  readonly share: LoopShare;
  /** Hears how many bytes more were read; what it throws ends the work. */
  readonly onBytes: (bytes: number) => void;
}

/** What to read, and where to. */
export interface CopyOrder {
  readonly from: string;
  /** A file that is made, or null to read only. */
  readonly to: string | null;
  /** As many bytes from the beginning; null for all there are. */
  readonly bytes: number | null;
  /** Of a segment: what its batches must be; null for other files. */
  readonly segment: Omit<SegmentRange, "endPosition"> | null;
}

/** What was read. */
export interface Copied {
  readonly bytes: number;
  /** CRC-32C of these bytes. */
  readonly crc: number;
  /** Of a segment: its first damaged place. */
  readonly damage: SegmentDamage | null;
}

/** Reads a file; a copy is durable when this resolves, but for its name. @throws KAFKA_STORAGE_ERROR, DISK_FULL */
export async function copyFile(parts: CopyParts, order: CopyOrder): Promise<Copied> {
  const file = await parts.disk.open(order.from, "read");
  try {
    const bytes = order.bytes ?? (await file.size());
    const target = order.to === null ? null : await parts.disk.open(order.to, "write");
    try {
      const pass = new OnePass(file, target, parts);
      const { segment } = order;
      const damage =
        segment === null ? null : await verifyBatches(pass, { ...segment, endPosition: bytes });
      if (damage === null) await pass.readTo(bytes);
      await target?.sync();
      return { bytes, crc: pass.crc, damage };
    } finally {
      await target?.close();
    }
  } finally {
    await file.close();
  }
}

// Hands out ranges whose begin and end ascend; what is new in one is checksummed and copied.
class OnePass implements ByteSource {
  readonly #file: DiskFile;
  readonly #target: DiskFile | null;
  readonly #parts: CopyParts;
  #doneTo = 0;
  crc = 0;

  constructor(file: DiskFile, target: DiskFile | null, parts: CopyParts) {
    this.#file = file;
    this.#target = target;
    this.#parts = parts;
  }

  async bytes(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    const count = await this.#file.read(bytes, position);
    if (count < length) {
      const detail = `${this.#file.path} ends at byte ${position + count} while it is read`;
      throw new LogError("KAFKA_STORAGE_ERROR", detail);
    }
    await this.#take(bytes.subarray(Math.max(0, this.#doneTo - position)));
    return bytes;
  }

  async readTo(end: number): Promise<void> {
    while (this.#doneTo < end) {
      await this.bytes(this.#doneTo, Math.min(pieceBytes, end - this.#doneTo));
    }
  }

  async #take(fresh: Uint8Array): Promise<void> {
    if (fresh.length === 0) return;
    this.crc = extendCrc32c(this.crc, fresh);
    await this.#target?.write([fresh], this.#doneTo);
    this.#doneTo += fresh.length;
    this.#parts.onBytes(fresh.length);
    await this.#parts.share.after(fresh.length);
  }
}
