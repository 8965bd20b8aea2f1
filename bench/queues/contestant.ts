// What is compared: queue servers, each driven in the way its own users drive it.

/** What a round of work is made of. */
export interface Work {
  /** Loops that receive and settle, independent of each other. */
  readonly workers: number;
  /** Messages that a worker has at once and settles together. */
  readonly batch: number;
  /** Tells that so many messages have been settled. */
  settled(count: number): void;
  /** Aborted when all are settled or the time is over. */
  readonly signal: AbortSignal;
}

/** A server under load. Each of its queues is made for one measurement. */
export interface Contestant {
  readonly name: string;
  /** Its version, how it was driven, and what is safe when it answers, in words. */
  readonly about: string;
  /** Makes a queue with so many messages in it; resolves when they are safe. */
  fill(queue: string, messages: number): Promise<void>;
  /** Receives and settles until the signal; resolves when every worker has ended. */
  drain(queue: string, work: Work): Promise<void>;
  /** Removes the queue with what is left in it. */
  drop(queue: string): Promise<void>;
  /** Stops the server and removes its files. */
  stop(): Promise<void>;
}

/** Rejects with the name of the contestant before what went wrong. */
export async function named<T>(name: string, doing: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${name}, ${doing}: ${what}`, { cause });
  }
}
