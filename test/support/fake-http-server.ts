// An HTTP server whose every answer a test decides: for clients that must cope with what servers and networks do.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Packr } from "msgpackr";

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: "number" });

/** A request as the test sees it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage["headers"];
  /** The decoded MessagePack body; null when there was none. */
  readonly body: unknown;
}

/** What the server does with a request. */
export type Answer =
  | {
      readonly status: number;
      /** Sent as MessagePack; as problem+json when the status is 400 or above. */
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Takes the request and breaks the connection without a reply. */
  | "break"
  /** Takes the request and never answers. */
  | "hang";

/** Decides an answer; may wait before it does. */
export type Respond = (request: SeenRequest) => Answer | Promise<Answer>;

/** A listening server; `requests` holds what came, in order of arrival. */
export class FakeHttpServer {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  readonly #respond: Respond;

  private constructor(respond: Respond) {
    this.#respond = respond;
    this.#server = createServer((request, reply) => {
      void this.#answer(request, reply);
    });
  }

  /** Listens on a free port of this machine. */
  static async start(respond: Respond): Promise<FakeHttpServer> {
    const fake = new FakeHttpServer(respond);
    fake.#server.listen(0, "127.0.0.1");
    await once(fake.#server, "listening");
    return fake;
  }

  /** Where it listens. */
  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("not listening");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Ends all connections and stops listening. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url ?? "/", "http://fake");
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: body.length === 0 ? null : (packr.unpack(body) as unknown),
    };
    this.requests.push(seen);
    const answer = await this.#respond(seen);
    if (answer === "hang") return;
    if (answer === "break") {
      request.socket.destroy();
      return;
    }
    const isProblem = answer.status >= 400;
    const contentType = isProblem ? "application/problem+json" : "application/msgpack";
    reply.writeHead(answer.status, { "content-type": contentType, ...answer.headers });
    if (answer.body === undefined) reply.end();
    else reply.end(isProblem ? JSON.stringify(answer.body) : packr.pack(answer.body));
  }
}

/** A problem reply as the server under test would word it. */
export function problem(status: number, code: string, facts: Record<string, unknown> = {}): Answer {
  const retriable = status === 429 || status >= 500;
  return {
    status,
    body: {
      type: "about:blank",
      title: code,
      status,
      detail: `${code} happened`,
      code,
      retriable,
      ...facts,
    },
  };
}
