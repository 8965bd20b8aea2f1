// An HTTP door over the engine in memory, for tests of the door alone.

import type { InjectOptions } from "fastify";
import type { LightMyRequestResponse } from "fastify";
import { systemClock } from "../../src/base/clock.ts";
import type { Clock } from "../../src/base/clock.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Logger } from "../../src/base/logger.ts";
import type { HttpDoor } from "../../src/doors/http/http-door.ts";
import { createHttpDoor } from "../../src/doors/http/http-door.ts";
import type { HttpLimits } from "../../src/doors/http/http-context.ts";
import type { MemoryServicesOptions } from "./memory-services.ts";
import { MemoryServices } from "./memory-services.ts";

/** What a test may set. */
export interface FixtureOptions extends Partial<Omit<MemoryServicesOptions, "clock">> {
  readonly clock?: Clock;
  readonly limits?: Partial<HttpLimits>;
  /** An engine that is there already. */
  readonly services?: MemoryServices;
}

/** A door, its engine, and what it logged. */
export interface HttpFixture {
  readonly door: HttpDoor;
  readonly services: MemoryServices;
  readonly logged: { readonly message: string; readonly facts: object }[];
  /** One request without a socket. */
  call(options: InjectOptions): Promise<LightMyRequestResponse>;
  /** One JSON request; the body is sent as it stands when it is a string. */
  json(
    method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE",
    url: string,
    body?: unknown,
  ): Promise<JsonAnswer>;
  close(): Promise<void>;
}

/** Status, body and headers of a JSON request. */
export interface JsonAnswer {
  readonly status: number;
  // Tests look into it by name and let the comparison judge the shape.
  readonly body: ReturnType<typeof JSON.parse>;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Builds one; `close` it at the end. */
export async function httpFixture(options: FixtureOptions = {}): Promise<HttpFixture> {
  const clock = options.clock ?? systemClock;
  const services = options.services ?? new MemoryServices({ ...options, clock });
  const logged: { message: string; facts: object }[] = [];
  const note = (facts: object, message: string): void => {
    logged.push({ facts, message });
  };
  const logger: Logger = { debug: () => undefined, info: note, warn: note, error: note };
  const door = await createHttpDoor({
    services,
    clock,
    random: seededRandom(7),
    logger,
    host: "127.0.0.1",
    port: 0,
    limits: options.limits ?? {},
  });
  const call = (request: InjectOptions): Promise<LightMyRequestResponse> =>
    door.app.inject(request);
  return {
    door,
    services,
    logged,
    call,
    json: async (method, url, body) => {
      const hasBody = body !== undefined;
      const answer = await call({
        method,
        url,
        ...(hasBody ? { headers: { "content-type": "application/json" } } : {}),
        ...(hasBody ? { payload: typeof body === "string" ? body : JSON.stringify(body) } : {}),
      });
      const text = answer.body;
      return {
        status: answer.statusCode,
        body: text === "" ? null : JSON.parse(text),
        headers: answer.headers,
      };
    },
    close: () => door.close(1000),
  };
}
