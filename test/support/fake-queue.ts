// One work queue in memory behind HTTP, to test clients against: leases end when a test says so, and any request can be
// spoilt before or after its work is done.

import { type Answer, FakeHttpServer, problem, type SeenRequest } from "./fake-http-server.ts";
import type { Spoil } from "./fake-varve.ts";

interface StoredMessage {
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, unknown>>;
  deliveries: number;
  /** The receipt of the delivery that holds it; null while nobody does. */
  receipt: string | null;
}

/** What a receiver said of a receipt, in order of arrival; refused answers are not among them. */
export interface SettledAnswer {
  readonly kind: "ack" | "nack" | "extend" | "reject";
  readonly receipt: string;
  readonly delayMs?: number;
  readonly leaseMs?: number;
  readonly reason?: string;
}

interface SettleBody {
  readonly ack?: readonly string[];
  readonly nack?: readonly Omit<SettledAnswer, "kind">[];
  readonly extend?: readonly Omit<SettledAnswer, "kind">[];
  readonly reject?: readonly Omit<SettledAnswer, "kind">[];
}

interface ReceiveBody {
  readonly max: number;
  readonly waitMs: number;
  readonly settle?: SettleBody;
}

const bytesOf = (value: unknown): Uint8Array | null =>
  value === undefined || value === null ? null : Buffer.from(value as string);

/** A server with one queue, `q`. Settled messages are gone, nacked ones too. */
export class FakeQueue {
  readonly answers: SettledAnswer[] = [];
  /** Receipts of answers that were refused. */
  readonly refused: string[] = [];
  leaseMs = 30_000;
  spoil: Spoil = () => null;
  /** Spoils the reply after the work was done. */
  spoilReply: Spoil = () => null;
  readonly #messages: StoredMessage[] = [];
  readonly #pending: (() => void)[] = [];
  #nextOffset = 0;
  #server: FakeHttpServer | null = null;

  static async start(): Promise<FakeQueue> {
    const fake = new FakeQueue();
    fake.#server = await FakeHttpServer.start(async (request) => {
      const spoilt = await fake.spoil(request);
      if (spoilt !== null) return spoilt;
      const answer = await fake.#answer(request);
      return (await fake.spoilReply(request)) ?? answer;
    });
    return fake;
  }

  get url(): string {
    return this.#server?.url ?? "";
  }

  get requests(): readonly SeenRequest[] {
    return this.#server?.requests ?? [];
  }

  /** The requests for an action, such as `receive`. */
  calls(action: string): readonly SeenRequest[] {
    return this.requests.filter(({ path }) => path.endsWith(`/${action}`));
  }

  /** The requests that said something of messages, alone or with a receive. */
  get settling(): readonly SeenRequest[] {
    return this.requests.filter(isSettling);
  }

  /** What was answered, as kind and receipt; a receipt is the value, a slash and the number of deliveries. */
  get said(): readonly string[] {
    return this.answers.map(({ kind, receipt }) => `${kind} ${receipt}`);
  }

  stop(): Promise<void> {
    for (const wake of this.#pending.splice(0)) wake();
    return this.#server?.stop() ?? Promise.resolve();
  }

  /** Puts messages in; wakes receivers. */
  put(...values: readonly string[]): void {
    for (const value of values) this.#add({ value });
    this.#wake();
  }

  /** Ends the lease of a receipt, or of all; the messages are delivered again. */
  lapse(receipt: string | null = null): void {
    for (const message of this.#messages) {
      if (receipt === null || message.receipt === receipt) message.receipt = null;
    }
    this.#wake();
  }

  #add(record: Readonly<Record<string, unknown>>): number {
    const offset = this.#nextOffset++;
    this.#messages.push({
      offset,
      key: bytesOf(record["key"]),
      value: bytesOf(record["value"]),
      headers: (record["headers"] as Record<string, unknown> | undefined) ?? {},
      deliveries: 0,
      receipt: null,
    });
    return offset;
  }

  #wake(): void {
    for (const wake of this.#pending.splice(0)) wake();
  }

  #answer(request: SeenRequest): Answer | Promise<Answer> {
    const [, , , queue, action] = request.path.split("/");
    if (queue !== undefined && queue !== "q") return problem(404, "QUEUE_NOT_FOUND", { queue });
    if (action === "receive") return this.#receive(request.body as ReceiveBody);
    if (action === "settle") {
      return { status: 200, body: { results: this.#settle(request.body as SettleBody) } };
    }
    if (action === "messages") {
      const { records } = request.body as { records: readonly Record<string, unknown>[] };
      const results = records.map((record) => ({ partition: 0, offset: this.#add(record) }));
      this.#wake();
      return { status: 200, body: { results, durability: "fsync" } };
    }
    return { status: 200, body: { queue: "q", leaseMs: this.leaseMs } };
  }

  async #receive({ max, waitMs, settle }: ReceiveBody): Promise<Answer> {
    const told = settle === undefined ? {} : { results: this.#settle(settle) };
    if (settle === undefined && waitMs > 0 && this.#free().length === 0) {
      await new Promise<void>((resolve) => {
        this.#pending.push(resolve);
      });
    }
    const messages = this.#free()
      .slice(0, max)
      .map((message) => {
        message.deliveries++;
        message.receipt = `${Buffer.from(message.value ?? "").toString()}/${message.deliveries}`;
        const { offset, key, value, headers, deliveries, receipt } = message;
        const place = { topic: "q", partition: 0, offset, timestampMs: 7 };
        return { receipt, ...place, deliveries, key, value, headers };
      });
    return { status: 200, body: { messages, ...told } };
  }

  #free(): StoredMessage[] {
    return this.#messages.filter(({ receipt }) => receipt === null);
  }

  #settle(body: SettleBody): readonly object[] {
    const answers: SettledAnswer[] = [
      ...(body.ack ?? []).map((receipt) => ({ kind: "ack" as const, receipt })),
      ...(["nack", "extend", "reject"] as const).flatMap((kind) =>
        (body[kind] ?? []).map((answer) => ({ kind, ...answer })),
      ),
    ];
    return answers.map((answer) => {
      const { kind, receipt } = answer;
      const index = this.#messages.findIndex((message) => message.receipt === receipt);
      if (index < 0) {
        this.refused.push(receipt);
        return { receipt, ok: false, code: "INVALID_RECORD_STATE" };
      }
      this.answers.push(answer);
      if (kind !== "extend") this.#messages.splice(index, 1);
      return { receipt, ok: true };
    });
  }
}

/** Whether a request says something of messages, alone or with a receive. */
export function isSettling({ path, body }: SeenRequest): boolean {
  const isBoth = typeof body === "object" && body !== null && "settle" in body;
  return path.endsWith("/settle") || isBoth;
}
