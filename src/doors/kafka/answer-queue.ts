// The answers of one connection: they leave in the order of their requests, whatever order they are ready in, and are
// written a piece at a time, so that it shows whether the client takes them.

/** One answer as it goes to the network. */
export interface EncodedAnswer {
  readonly chunks: readonly Uint8Array[];
  /** Of all chunks together. */
  readonly bytes: number;
}

/** The place of one answer in the order. */
export interface AnswerSlot {
  /** Puts the answer in its place; null when the request has none. Once a slot. */
  fill(answer: EncodedAnswer | null): void;
  /** Runs `callback` when the answer's last byte has left, or never will. Before `fill`. */
  afterSent(callback: () => void): void;
}

/** What the queue does with the connection. */
export interface AnswerSink {
  /** Writes the pieces in one go; `onWritten` hears when they have left. */
  write(pieces: readonly Uint8Array[], onWritten: () => void): void;
  /** Hears that answers, or pieces of one, have left. */
  onProgress(): void;
}

// Small enough that one which does not leave within the time for it means a client that reads nothing.
const writeBytesMax = 512 * 1024;

interface Slot {
  /** Begins a request that waits for its turn; null when it has begun. */
  begin: (() => void) | null;
  /** Null until it is filled; what has not been handed to the sink. */
  rest: Uint8Array[] | null;
  readonly callbacks: (() => void)[];
}

/** Answers in order. */
export class AnswerQueue {
  readonly #sink: AnswerSink;
  /** Slots whose answers have not been handed to the sink in full. */
  readonly #slots: Slot[] = [];
  /** Slots whose last piece is being written. */
  #leaving: readonly Slot[] = [];
  #unsentBytes = 0;
  #isWriting = false;
  #isClosed = false;

  /** @param sink Where answers go. */
  constructor(sink: AnswerSink) {
    this.#sink = sink;
  }

  /** How many answers are not on their way yet. */
  get length(): number {
    return this.#slots.length;
  }

  /** Bytes of answers that are ready and have not been handed to the network. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** True while something is handed to the network and has not left. */
  get isWriting(): boolean {
    return this.#isWriting;
  }

  /**
   * The place after all the others.
   *
   * @param begin Begins the request once every answer before it has left; null: it has begun.
   */
  open(begin: ((slot: AnswerSlot) => void) | null): AnswerSlot {
    const slot: Slot = { begin: null, rest: null, callbacks: [] };
    const handle: AnswerSlot = {
      fill: (answer) => {
        slot.rest = answer === null ? [] : [...answer.chunks];
        this.#unsentBytes += answer?.bytes ?? 0;
        if (this.#isClosed) runCallbacks([slot]);
        else this.#write();
      },
      afterSent: (callback) => {
        slot.callbacks.push(callback);
      },
    };
    if (begin !== null) slot.begin = () => begin(handle);
    this.#slots.push(slot);
    this.#write();
    return handle;
  }

  /**
   * Nothing leaves any more, and what waits for its turn does not begin. Those who wait for an answer to leave are told
   * now, or when a request that runs fills its slot.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const gone = this.#slots.filter((slot) => slot.rest !== null || slot.begin !== null);
    gone.push(...this.#leaving);
    this.#leaving = [];
    this.#slots.length = 0;
    runCallbacks(gone);
  }

  #write(): void {
    if (this.#isWriting || this.#isClosed) return;
    const pieces: Uint8Array[] = [];
    const done = this.#collect(pieces);
    if (pieces.length === 0) {
      runCallbacks(done);
      if (done.length > 0) this.#sink.onProgress();
      return;
    }
    this.#isWriting = true;
    this.#leaving = done;
    this.#sink.write(pieces, () => {
      if (this.#isClosed) return;
      this.#isWriting = false;
      this.#leaving = [];
      runCallbacks(done);
      this.#write();
      this.#sink.onProgress();
    });
  }

  /** Moves what can leave now into `pieces`; answers the slots that are at their end with it. */
  #collect(pieces: Uint8Array[]): readonly Slot[] {
    const done: Slot[] = [];
    let room = writeBytesMax;
    for (let slot = this.#slots[0]; slot !== undefined; slot = this.#slots[0]) {
      if (slot.begin !== null) {
        if (pieces.length > 0) break;
        const { begin } = slot;
        slot.begin = null;
        begin();
      }
      if (slot.rest === null) break;
      const takenBytes = takePieces(slot.rest, pieces, room);
      room -= takenBytes;
      this.#unsentBytes -= takenBytes;
      if (slot.rest.length > 0) break;
      this.#slots.shift();
      done.push(slot);
    }
    return done;
  }
}

/** Moves up to `room` bytes from the front of `rest` to the end of `pieces`; answers how many. */
function takePieces(rest: Uint8Array[], pieces: Uint8Array[], room: number): number {
  let taken = 0;
  for (let chunk = rest[0]; chunk !== undefined && taken < room; chunk = rest[0]) {
    const piece = chunk.subarray(0, room - taken);
    if (piece.length === chunk.length) rest.shift();
    else rest[0] = chunk.subarray(piece.length);
    pieces.push(piece);
    taken += piece.length;
  }
  return taken;
}

function runCallbacks(slots: readonly Slot[]): void {
  for (const slot of slots) {
    for (const callback of slot.callbacks.splice(0)) callback();
  }
}
