// One connection: reads frames while there is room, starts their requests in order, and sends the answers in order.
//
// Requests run beside each other; each is begun synchronously in the order of arrival, so that the appends of one
// connection keep it. Nothing is read while too much waits: requests under way, answers not taken, memory.

import { setMaxListeners } from "node:events";
import type { Socket } from "node:net";
import type { ReplyRoom } from "../reply-room.ts";
import { AnswerQueue, type AnswerSlot } from "./answer-queue.ts";
import { type IncomingRequest, readRequest } from "./dispatch.ts";
import { nameError } from "./error-code.ts";
import { FrameSplitter } from "./frame-splitter.ts";
import type { KafkaCall, KafkaContext, Listener, ServingTable } from "./handler.ts";
import type { KafkaMetrics } from "./kafka-metrics.ts";
import { plainAddress } from "./listener.ts";
import type { RequestRoom } from "./request-room.ts";

/** What a connection works with. */
export interface ConnectionOptions {
  readonly socket: Socket;
  readonly serving: ServingTable;
  readonly context: KafkaContext;
  readonly metrics: KafkaMetrics;
  /** Of all connections together. */
  readonly room: RequestRoom;
  /** Answers not taken, of all connections together. */
  readonly replies: ReplyRoom;
  /** Where this client is told to connect. */
  readonly listener: Listener;
  /** Hears that the connection has gone. */
  readonly onClosed: () => void;
}

// Answers waiting for the client to take them; beyond it nothing more is begun.
const unsentBytesMax = 1024 * 1024;

/** A client's connection. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #splitter: FrameSplitter;
  readonly #answers: AnswerQueue;
  readonly #gone = new AbortController();
  readonly #clientHost: string;
  /** Whom the room for answers knows. */
  readonly #holder = { destroy: () => this.#cutFor("others need the room of its answers") };
  #software = "";
  /** Bytes of the frame that is being gathered, taken from the room. */
  #gatheredBytes = 0;
  #isWaitingForRoom = false;
  /** The client has said its last word; what has arrived is still done. */
  #hasLastWord = false;
  /** No further request is begun; the connection ends when what was begun has been answered. */
  #isEnding = false;
  #isClosed = false;
  #isResuming = false;
  /** Since when nothing happened, a frame is unfinished, a write is unfinished: monotonic milliseconds. */
  #idleSinceMs: number;
  #frameSinceMs: number;
  #writeSinceMs: number;

  /** @param options The socket, just accepted, and what it is served with. */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { socket, context } = options;
    this.#clientHost = plainAddress(socket.remoteAddress ?? "");
    setMaxListeners(0, this.#gone.signal);
    const nowMs = context.clock.monotonicMs();
    this.#idleSinceMs = nowMs;
    this.#frameSinceMs = nowMs;
    this.#writeSinceMs = nowMs;
    this.#splitter = new FrameSplitter({
      frameBytesMax: context.limits.requestBytesMax,
      mayTake: (bytes) => this.#takeRoom(bytes),
    });
    this.#answers = new AnswerQueue({
      write: (pieces, onWritten) => this.#write(pieces, onWritten),
      onProgress: () => this.#resumeSoon(),
    });
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("end", () => this.#onLastWord());
    // What went wrong with the network is the client's to tell; `close` follows.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#onClose());
  }

  /** Begins nothing new, lets what waits answer, and ends when everything begun has been answered. */
  stop(): void {
    this.#end();
  }

  /** Ends at once. */
  cut(): void {
    this.#options.socket.destroy();
  }

  /** Cuts the connection when it has stood still for too long in one way or another. */
  checkDeadlines(): void {
    const { clock, limits } = this.#options.context;
    const nowMs = clock.monotonicMs();
    const isBusy = this.#answers.length > 0 || this.#answers.isWriting || this.#isWaitingForRoom;
    if (this.#answers.isWriting) {
      if (nowMs - this.#writeSinceMs >= limits.stallTimeoutMs) {
        this.#cutFor("the client takes no answers");
      }
    } else if (this.#isEnding && !isBusy) {
      if (nowMs - this.#idleSinceMs >= limits.stallTimeoutMs) this.cut();
    } else if (this.#splitter.isInFrame && this.#isReading()) {
      if (nowMs - this.#frameSinceMs >= limits.requestTimeoutMs) {
        this.#cutFor("a request did not arrive in full");
      }
    } else if (!isBusy && nowMs - this.#idleSinceMs >= limits.idleTimeoutMs) {
      this.#end();
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#isEnding) return;
    if (!this.#splitter.isInFrame) this.#frameSinceMs = this.#nowMs();
    this.#splitter.push(chunk);
    this.#advance();
  }

  // Nobody will wait for what a fetch or a join could still find. But requests without answers (acks=0) may be among
  // those that have arrived, and their client has gone in the belief that they will be done.
  #onLastWord(): void {
    this.#hasLastWord = true;
    this.#gone.abort();
    this.#advance();
  }

  /** Begins every request that has arrived and may begin. */
  #advance(): void {
    try {
      while (this.#isReading()) {
        const frame = this.#splitter.next();
        if (frame === null) break;
        this.#frameSinceMs = this.#nowMs();
        this.#begin(frame);
      }
    } catch (error) {
      this.#fail(error);
    }
    const isReading = this.#isReading();
    if (isReading && this.#hasLastWord) this.#end();
    if (isReading || this.#isEnding) this.#options.socket.resume();
    else this.#options.socket.pause();
  }

  #isReading(): boolean {
    const { limits } = this.#options.context;
    return (
      !this.#isEnding &&
      !this.#isWaitingForRoom &&
      this.#answers.length < limits.requestsPerConnectionMax &&
      this.#answers.unsentBytes < unsentBytesMax
    );
  }

  #begin(frame: Buffer): void {
    const bytes = this.#gatheredBytes;
    this.#gatheredBytes = 0;
    const giveBack = (): void => this.#options.room.give(bytes);
    let request: IncomingRequest;
    try {
      request = readRequest(this.#options.serving, frame);
    } catch (error) {
      giveBack();
      throw error;
    }
    if (request.beginsInTurn) {
      // It may never begin; its slot hears of that as well.
      const slot = this.#answers.open((own) => void this.#run(request, own, bytes));
      slot.afterSent(giveBack);
    } else {
      void this.#run(request, this.#answers.open(null), bytes).finally(giveBack);
    }
  }

  async #run(request: IncomingRequest, slot: AnswerSlot, bytes: number): Promise<void> {
    const { context, metrics } = this.#options;
    const begunMs = this.#nowMs();
    metrics.requestsInProgress++;
    try {
      const { frame, errorCodes } = await request.answer(this.#callOf(request, slot), context);
      const seconds = (this.#nowMs() - begunMs) / 1000;
      const bytesOut = frame?.bytes ?? 0;
      metrics.api(request.name).observe({ seconds, bytesIn: bytes + 4, bytesOut, errorCodes });
      slot.afterSent(this.#options.replies.holdAnyway(this.#holder, bytesOut));
      slot.fill(frame);
    } catch (error) {
      this.#fail(error, request);
      slot.fill(null);
    }
    metrics.requestsInProgress--;
    this.#resumeSoon();
  }

  #callOf(request: IncomingRequest, slot: AnswerSlot): KafkaCall {
    return {
      version: request.version,
      clientId: request.clientId,
      clientHost: this.#clientHost,
      listener: this.#options.listener,
      signal: this.#gone.signal,
      introduce: (software) => {
        this.#software = software;
      },
      releaseWhenSent: (loan) => slot.afterSent(() => loan.release()),
    };
  }

  #takeRoom(bytes: number): boolean {
    const { room } = this.#options;
    if (room.tryTake(bytes)) {
      this.#gatheredBytes = bytes;
      return true;
    }
    this.#isWaitingForRoom = true;
    room.take(bytes).then(
      () => this.#onRoom(bytes),
      (error: unknown) => {
        this.#isWaitingForRoom = false;
        this.#fail(error);
      },
    );
    return false;
  }

  #onRoom(bytes: number): void {
    this.#isWaitingForRoom = false;
    if (this.#isClosed) {
      this.#options.room.give(bytes);
      return;
    }
    this.#gatheredBytes = bytes;
    this.#splitter.admit();
    this.#resumeSoon();
  }

  #write(pieces: readonly Uint8Array[], onWritten: () => void): void {
    const { socket } = this.#options;
    this.#writeSinceMs = this.#nowMs();
    if (pieces.length > 1) socket.cork();
    for (const [index, piece] of pieces.entries()) {
      if (index + 1 < pieces.length) socket.write(piece);
      else socket.write(piece, onWritten);
    }
    if (pieces.length > 1) socket.uncork();
  }

  // In a turn of its own: requests that already wait inside the services for their turn go on before it.
  #resumeSoon(): void {
    this.#idleSinceMs = this.#nowMs();
    if (this.#isResuming || this.#isClosed) return;
    this.#isResuming = true;
    setImmediate(() => {
      this.#isResuming = false;
      if (this.#isClosed) return;
      this.#frameSinceMs = this.#nowMs();
      if (this.#isEnding) this.#endWhenAnswered();
      else this.#advance();
    });
  }

  #fail(error: unknown, request: IncomingRequest | null = null): void {
    if (this.#isClosed) return;
    const named = nameError(error);
    const facts = {
      client: this.#clientHost,
      clientId: request?.clientId,
      software: this.#software === "" ? undefined : this.#software,
      api: request?.name,
      version: request?.version,
      code: named.code,
    };
    if (named.code === "UNKNOWN_SERVER_ERROR") {
      this.#options.context.logger.error({ ...facts, err: error }, "a request failed unexpectedly");
    }
    this.#options.metrics.connectionsCut++;
    const message = `a connection is closed: ${named.message}`;
    this.#options.context.logger.warn(facts, message);
    this.#end();
  }

  #cutFor(reason: string): void {
    this.#options.metrics.connectionsCut++;
    const facts = { client: this.#clientHost, software: this.#software };
    this.#options.context.logger.warn(facts, `a connection is cut: ${reason}`);
    this.cut();
  }

  #end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#idleSinceMs = this.#nowMs();
    this.#gone.abort();
    // What still comes is thrown away, or the other side's end would not be seen.
    this.#options.socket.resume();
    this.#endWhenAnswered();
  }

  #endWhenAnswered(): void {
    if (this.#answers.length === 0 && !this.#answers.isWriting) this.#options.socket.end();
  }

  #onClose(): void {
    this.#isClosed = true;
    this.#isEnding = true;
    this.#gone.abort();
    this.#answers.close();
    if (this.#gatheredBytes > 0) this.#options.room.give(this.#gatheredBytes);
    this.#gatheredBytes = 0;
    this.#options.onClosed();
  }

  #nowMs(): number {
    return this.#options.context.clock.monotonicMs();
  }
}
