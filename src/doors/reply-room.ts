// Room for replies that clients have not taken yet, of all connections of a door together.
//
// A client that asks for much and reads nothing would hold its reply in memory for as long as it likes. Beyond the
// bound room is made by cutting whoever has held a reply longest: a client that reads has had its own within moments.

import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";

/** A connection, or its reply in progress, as far as it can be cut. */
export interface Cuttable {
  destroy(): void;
}

interface HeldReply {
  readonly holder: Cuttable;
  readonly bytes: number;
  readonly sinceMs: number;
}

// Smaller ones cost no more than their connection does.
const countedBytesMin = 4096;
// Time to take a reply that nobody is cut within.
const graceMs = 1000;
const nothingHeld = (): void => undefined;

/** What replies hold in memory. */
export class ReplyRoom {
  readonly #clock: Clock;
  readonly #bytesMax: number;
  // A Set keeps the order of insertion, so the first entry is the oldest.
  readonly #held = new Set<HeldReply>();
  #heldBytes = 0;
  #cutCount = 0;

  /** @param bytesMax The bound; a single larger reply is let in alone. */
  constructor(clock: Clock, bytesMax: number) {
    this.#clock = clock;
    this.#bytesMax = bytesMax;
  }

  /** Bytes that are held now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Connections that were cut to make room. */
  get cutCount(): number {
    return this.#cutCount;
  }

  /** Makes room for what is to be read. @throws SERVER_OVERLOADED when there is none */
  require(): void {
    if (!this.#makeRoom(1)) throw this.#overloaded();
  }

  /**
   * Holds a reply until the returned function is called, which is harmless twice.
   * @throws SERVER_OVERLOADED when there is no room: drop the bytes.
   */
  hold(holder: Cuttable, bytes: number): () => void {
    if (bytes >= countedBytesMin && !this.#makeRoom(bytes)) throw this.#overloaded();
    return this.#hold(holder, bytes);
  }

  /** Holds a reply that cannot be dropped any more, room or not; as `hold` else. */
  holdAnyway(holder: Cuttable, bytes: number): () => void {
    if (bytes >= countedBytesMin) this.#makeRoom(bytes);
    return this.#hold(holder, bytes);
  }

  #hold(holder: Cuttable, bytes: number): () => void {
    if (bytes < countedBytesMin) return nothingHeld;
    const held = { holder, bytes, sinceMs: this.#clock.monotonicMs() };
    this.#held.add(held);
    this.#heldBytes += bytes;
    return () => this.#end(held);
  }

  #end(held: HeldReply): void {
    if (this.#held.delete(held)) this.#heldBytes -= held.bytes;
  }

  #makeRoom(bytes: number): boolean {
    const cutBeforeMs = this.#clock.monotonicMs() - graceMs;
    for (const held of this.#held) {
      if (this.#heldBytes + bytes <= this.#bytesMax) return true;
      if (held.sinceMs > cutBeforeMs) break;
      this.#cutCount++;
      this.#end(held);
      held.holder.destroy();
    }
    return this.#heldBytes === 0 || this.#heldBytes + bytes <= this.#bytesMax;
  }

  #overloaded(): LogError {
    const held = `${this.#heldBytes} of ${this.#bytesMax} bytes of replies wait for their clients`;
    return new LogError("SERVER_OVERLOADED", `${held}; retry later`);
  }
}
