// Room for requests in memory, of all connections together. Small requests have a part of it to themselves: heartbeats
// and fetches do not wait behind producers, nor behind a size that somebody announced and never sends.

import { ByteBudget } from "../../base/byte-budget.ts";
import type { Clock } from "../../base/clock.ts";

/** What room is made with. */
export interface RequestRoomOptions {
  readonly clock: Clock;
  /** Of all requests in memory. A single one that is larger is let in alone. */
  readonly bytesMax: number;
  /** How long a request waits for room before it is refused. */
  readonly waitMsMax: number;
  /** How many may wait. */
  readonly waitersMax: number;
}

const smallBytesMax = 64 * 1024;
const smallShare = 1 / 4;

/** Bytes of requests, taken when their size is known and given back when they are done with. */
export class RequestRoom {
  readonly #small: ByteBudget;
  readonly #large: ByteBudget;

  /** @param options Bounds and clock. */
  constructor({ bytesMax, ...bounds }: RequestRoomOptions) {
    const smallShareBytes = Math.floor(bytesMax * smallShare);
    const name = "Kafka requests in memory";
    this.#small = new ByteBudget({ ...bounds, name, bytesMax: smallShareBytes });
    this.#large = new ByteBudget({ ...bounds, name, bytesMax: bytesMax - smallShareBytes });
  }

  /** Bytes taken and not given back. */
  get takenBytes(): number {
    return this.#small.takenBytes + this.#large.takenBytes;
  }

  /** Takes room if there is some and nobody waits for it; true when it was taken. */
  tryTake(bytes: number): boolean {
    return this.#for(bytes).tryTake(bytes);
  }

  /** Takes room, waiting for it if need be. @throws SERVER_OVERLOADED, SERVER_STOPPING */
  take(bytes: number): Promise<void> {
    return this.#for(bytes).take(bytes);
  }

  /** Gives back what one request took. */
  give(bytes: number): void {
    this.#for(bytes).give(bytes);
  }

  /** Refuses everybody who waits or comes later. */
  close(): void {
    this.#small.close();
    this.#large.close();
  }

  #for(bytes: number): ByteBudget {
    return bytes <= smallBytesMax ? this.#small : this.#large;
  }
}
