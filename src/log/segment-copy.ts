// Writes a compacted segment batch by batch, with what has to be known of it afterwards: size, end, indexes.

import { assert } from "../base/assert.ts";
import { viewOf } from "../base/bytes.ts";
import { nextOffsetAt } from "../record/batch-header.ts";
import { fillerBatch } from "../record/batch-rewrite.ts";
import type { DiskFile } from "../storage/disk.ts";
import type { LogOptions } from "./log-options.ts";
import { SegmentIndexes } from "./segment-indexes.ts";
import { cleanedPath } from "./segment-swap.ts";

const pieceBytes = 1 << 20;

/** A `.cleaned` file that is being written. */
export class SegmentCopy {
  readonly indexes: SegmentIndexes;
  readonly #file: DiskFile;
  readonly #options: LogOptions;
  readonly #intervalBytes: number;
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #position = 0;
  #endOffset = 0;
  // Stands for the batch that was left out last.
  #filler: Uint8Array | null = null;

  private constructor(
    options: LogOptions,
    file: DiskFile,
    how: { readonly baseOffset: number; readonly intervalBytes: number },
  ) {
    this.#options = options;
    this.#file = file;
    this.#intervalBytes = how.intervalBytes;
    this.indexes = new SegmentIndexes(how.baseOffset);
  }

  /** Begins a file, in the place of one that an earlier try left. @throws DISK_FULL, KAFKA_STORAGE_ERROR */
  static async open(
    options: LogOptions,
    baseOffset: number,
    intervalBytes: number,
  ): Promise<SegmentCopy> {
    const file = await options.disk.open(cleanedPath(options.directory, baseOffset), "write");
    const copy = new SegmentCopy(options, file, { baseOffset, intervalBytes });
    try {
      await file.truncate(0);
    } catch (error) {
      await copy.discard();
      throw error;
    }
    return copy;
  }

  /** Bytes so far. */
  get sizeBytes(): number {
    return this.#position + this.#chunkBytes;
  }

  /** Takes a batch, whose bytes must not change any more. @throws DISK_FULL, KAFKA_STORAGE_ERROR */
  async add(batch: Uint8Array): Promise<void> {
    const view = viewOf(batch);
    const place = { position: this.sizeBytes, intervalBytes: this.#intervalBytes };
    this.indexes.addBatch(view, 0, place);
    this.#endOffset = nextOffsetAt(view, 0);
    this.#chunks.push(batch);
    this.#chunkBytes += batch.length;
    if (this.#chunkBytes >= pieceBytes) await this.#write();
  }

  /** Leaves a batch out. */
  pass(batch: Uint8Array): void {
    this.#filler = fillerBatch(batch);
  }

  /**
   * Makes all of it durable but for its name. A segment ends where the next one begins, whatever is left of it.
   *
   * @param endOffset Where the last batch that was taken or left out ends.
   * @throws          DISK_FULL, KAFKA_STORAGE_ERROR
   */
  async finish(endOffset: number): Promise<void> {
    if (this.#endOffset < endOffset && this.#filler !== null) await this.add(this.#filler);
    assert(this.#endOffset === endOffset, "a segment ends where the next one begins");
    await this.#write();
    this.indexes.seal();
    await this.#file.sync();
    await this.#file.close();
  }

  /** Gives it up; what stays of it is removed by the next opening. */
  async discard(): Promise<void> {
    const { disk, directory, logger } = this.#options;
    const path = cleanedPath(directory, this.indexes.baseOffset);
    try {
      await this.#file.close();
      await disk.remove(path);
    } catch (error) {
      logger.debug({ err: error, path }, "an unfinished file stays until the next start");
    }
  }

  async #write(): Promise<void> {
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    this.#chunks = [];
    await this.#file.write(chunks, this.#position);
    this.#position += this.#chunkBytes;
    this.#chunkBytes = 0;
  }
}
