// Room for replies that clients have not taken yet, of all connections together.
//
// A client that asks for much and reads nothing would hold its reply in memory for as long as it likes. Beyond the
// bound room is made by cutting whoever has held a reply longest: a client that reads has had its own within moments.

import type { FastifyReply } from "fastify";
import type { ServerResponse } from "node:http";
import type { Clock } from "../../base/clock.ts";
import { LogError } from "../../base/error.ts";

interface HeldReply {
  readonly raw: ServerResponse;
  readonly bytes: number;
  readonly sinceMs: number;
}

// Smaller ones cost no more than their connection does.
const countedBytesMin = 4096;
// Time to take a reply that nobody is cut within.
const graceMs = 1000;

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
    this.#makeRoom(1);
  }

  /**
   * Holds a reply until its last byte has been handed to the system, or its connection has gone.
   * @throws SERVER_OVERLOADED when there is no room: drop the bytes.
   */
  hold({ raw }: FastifyReply, bytes: number): void {
    if (bytes < countedBytesMin || raw.destroyed) return;
    this.#makeRoom(bytes);
    const end = this.#hold(raw, bytes);
    raw.once("finish", end);
    raw.once("close", end);
  }

  /** Holds a part of a stream until the returned function is called. @throws as `hold` */
  holdPart(raw: ServerResponse, bytes: number): () => void {
    this.#makeRoom(bytes);
    return this.#hold(raw, bytes);
  }

  #hold(raw: ServerResponse, bytes: number): () => void {
    const held = { raw, bytes, sinceMs: this.#clock.monotonicMs() };
    this.#held.add(held);
    this.#heldBytes += bytes;
    return () => this.#end(held);
  }

  #end(held: HeldReply): void {
    if (this.#held.delete(held)) this.#heldBytes -= held.bytes;
  }

  #makeRoom(bytes: number): void {
    const cutBeforeMs = this.#clock.monotonicMs() - graceMs;
    for (const held of this.#held) {
      if (this.#heldBytes + bytes <= this.#bytesMax) return;
      if (held.sinceMs > cutBeforeMs) break;
      this.#cutCount++;
      this.#end(held);
      held.raw.destroy();
    }
    if (this.#heldBytes === 0 || this.#heldBytes + bytes <= this.#bytesMax) return;
    const detail = `${this.#heldBytes} of ${this.#bytesMax} bytes of replies wait for their clients; retry later`;
    throw new LogError("SERVER_OVERLOADED", detail);
  }
}
