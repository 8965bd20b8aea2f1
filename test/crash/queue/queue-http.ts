// The few calls of a queue over HTTP that its torture makes.

/** A message as received. */
export interface HttpMessage {
  readonly receipt: string;
  readonly deliveries: number;
  readonly text: string;
}

/** The answers of one worker to what it holds. */
export interface HttpAnswers {
  readonly ack: readonly string[];
  readonly nack: readonly { readonly receipt: string; readonly delayMs: number }[];
  readonly reject: readonly { readonly receipt: string; readonly reason: string }[];
}

/** One queue of one server. Calls reject with TypeError where the connection broke; any other refusal is an Error. */
export class QueueHttp {
  readonly #url: string;

  constructor(url: string, queue: string) {
    this.#url = `${url}/v1/queues/${queue}`;
  }

  /** Makes the queue. */
  async put(settings: object): Promise<void> {
    await this.#call("PUT", "", settings);
  }

  /** Resolves when all are appended. */
  async send(records: readonly { readonly key: string; readonly text: string }[]): Promise<void> {
    await this.#call("POST", "/messages", { records });
  }

  /** Receives up to so many. */
  async receive(max: number, waitMs: number): Promise<readonly HttpMessage[]> {
    const body = await this.#call("POST", "/receive", { max, waitMs });
    return (body as { messages: readonly HttpMessage[] }).messages;
  }

  /** Which of the receipts held. */
  async settle(answers: HttpAnswers): Promise<ReadonlyMap<string, boolean>> {
    const body = await this.#call("POST", "/settle", answers);
    const { results } = body as { results: readonly { receipt: string; ok: boolean }[] };
    return new Map(results.map(({ receipt, ok }) => [receipt, ok]));
  }

  /** How many are not settled. */
  async depth(): Promise<number> {
    return ((await this.#call("GET", "", null)) as { depth: number }).depth;
  }

  /** Values of all dead letters. */
  async dead(): Promise<readonly string[]> {
    const values: string[] = [];
    for (let from = "earliest"; ; ) {
      const path = `/dead?from=${encodeURIComponent(from)}&maxRecords=1000`;
      const body = (await this.#call("GET", path, null)) as {
        messages: readonly { text: string }[];
        next: string;
      };
      values.push(...body.messages.map(({ text }) => text));
      if (body.messages.length === 0) return values;
      from = body.next;
    }
  }

  async #call(method: string, path: string, body: object | null): Promise<unknown> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      ...(body === null
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as unknown;
  }
}
