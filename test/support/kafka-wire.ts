// A bare client of Kafka's protocol: sends requests as they are given, and hears answers in the order they come.

import { connect, type Socket } from "node:net";
import type { ApiName, EncodableRequest, ResponseOf } from "../../src/protocol/apis.ts";
import { decodeResponse, encodeRequest } from "../../src/protocol/codec.ts";

interface Waiting {
  readonly resolve: (frame: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/** The frame of a request, its size in front. */
export function requestFrame<Name extends ApiName>(
  name: Name,
  { version, correlationId = 1 }: { readonly version: number; readonly correlationId?: number },
  body: EncodableRequest<Name>,
): Buffer {
  const header = { apiVersion: version, correlationId, clientId: "wire" };
  return Buffer.concat(encodeRequest(name, header, body).chunks);
}

/** A connection to a Kafka door. */
export class KafkaWire {
  readonly socket: Socket;
  /** True once the other side has ended it, or it broke. */
  isClosed = false;
  #heard = Buffer.alloc(0);
  readonly #frames: Buffer[] = [];
  readonly #waiting: Waiting[] = [];
  #nextId = 1;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("close", () => {
      this.isClosed = true;
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("connection closed"));
    });
    // A reset is one of the answers tests wait for; `isClosed` tells of it.
    socket.on("error", () => undefined);
  }

  /** @param address `host:port`. */
  static async open(address: string): Promise<KafkaWire> {
    const [host = "", port] = address.split(":");
    const socket = connect({ host, port: Number(port) });
    const wire = new KafkaWire(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return wire;
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The next answer's frame, without its size; rejects when the connection is closed before. */
  next(): Promise<Buffer> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    if (this.isClosed) return Promise.reject(new Error("connection closed"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Asks, and reads the next answer as the one to this. */
  async call<Name extends ApiName>(
    name: Name,
    version: number,
    body: EncodableRequest<Name>,
  ): Promise<ResponseOf<Name>> {
    const correlationId = this.#nextId++;
    this.send(requestFrame(name, { version, correlationId }, body));
    const answer = decodeResponse(name, version, await this.next());
    if (answer.correlationId !== correlationId) throw new Error("an answer is out of order");
    return answer.body;
  }

  /** Resolves when the connection is closed. */
  async closed(): Promise<void> {
    if (this.isClosed) return;
    await new Promise<void>((resolve) => this.socket.once("close", () => resolve()));
  }

  /** Goes away without a word. */
  drop(): void {
    this.socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#heard = Buffer.concat([this.#heard, chunk]);
    while (this.#heard.length >= 4) {
      const end = 4 + this.#heard.readInt32BE(0);
      if (this.#heard.length < end) return;
      const frame = this.#heard.subarray(4, end);
      this.#heard = this.#heard.subarray(end);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#frames.push(frame);
      else waiting.resolve(frame);
    }
  }
}
