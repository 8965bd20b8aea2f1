// The calls that tests of queues over HTTP make over and over, to one live server.

import type { Answer, Ask, LiveServer, Loose } from "./live-server.ts";

let count = 0;

/** A name that no other queue or topic of the test has. */
export function freshName(): string {
  return `q${count++}`;
}

/** One queue of a server; its topic has the same name. */
export class CalledQueue {
  readonly #server: LiveServer;
  readonly name: string;

  private constructor(server: LiveServer, name: string) {
    this.#server = server;
    this.name = name;
  }

  /** Makes a topic and its queue. */
  static async make(
    server: LiveServer,
    settings: object = {},
    partitions = 1,
  ): Promise<CalledQueue> {
    const name = freshName();
    await server.call("PUT", `/v1/topics/${name}`, { json: { partitions } });
    const { status, text } = await server.call("PUT", `/v1/queues/${name}`, { json: settings });
    if (status !== 201) throw new Error(`the queue was not made: ${status} ${text}`);
    return new CalledQueue(server, name);
  }

  /** A POST below the queue, of JSON unless `ask` says something else. */
  post(verb: string, json: unknown = {}): Promise<Answer> {
    return this.ask(verb, { json });
  }

  /** A POST below the queue. */
  ask(verb: string, ask: Ask): Promise<Answer> {
    return this.#server.call("POST", `/v1/queues/${this.name}/${verb}`, ask);
  }

  /** A GET of the queue, or below it. */
  get(rest = "", accept = "application/json"): Promise<Answer> {
    return this.#server.call("GET", `/v1/queues/${this.name}${rest}`, { accept });
  }

  /** Settings and counts as they are now. */
  async described(): Promise<Loose> {
    return (await this.get()).body;
  }

  /** Sends messages. */
  send(records: readonly object[], query = ""): Promise<Answer> {
    return this.post(`messages${query}`, { records });
  }

  /** Receives messages, with success. */
  async receive(json: object = {}): Promise<Loose> {
    const { status, body, text } = await this.post("receive", json);
    if (status !== 200) throw new Error(`nothing was received: ${status} ${text}`);
    return body.messages;
  }

  /** Records of its topic, all partitions together. */
  async recordsInTopic(): Promise<number> {
    const { body } = await this.#server.call("GET", `/v1/topics/${this.name}/offsets`);
    return body.offsets.reduce((sum: number, { offset }: { offset: number }) => sum + offset, 0);
  }
}
