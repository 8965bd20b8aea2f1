// Calls of the Kafka door's handlers without a socket: bytes of a request in, bytes of the answer out.

import { silentLogger } from "../../src/base/logger.ts";
import { readRequest } from "../../src/doors/kafka/dispatch.ts";
import type { KafkaCall, KafkaContext } from "../../src/doors/kafka/handler.ts";
import { defaultKafkaLimits, type KafkaLimits } from "../../src/doors/kafka/kafka-limits.ts";
import { serving } from "../../src/doors/kafka/serving.ts";
import { shareSessionsOver } from "../../src/doors/kafka/share-sessions.ts";
import type { ApiName, EncodableRequest, ResponseOf } from "../../src/protocol/apis.ts";
import { decodeResponse, encodeRequest } from "../../src/protocol/codec.ts";
import type { Services } from "../../src/services.ts";
import { FakeClock } from "./fake-clock.ts";

/** Sends one request in a version and reads its answer. */
export type Ask = <Name extends ApiName>(
  name: Name,
  version: number,
  body: EncodableRequest<Name>,
) => Promise<ResponseOf<Name>>;

/** A client's side of the door. */
export interface Talk {
  readonly ask: Ask;
  /** What the handlers work with. */
  readonly context: KafkaContext & { readonly clock: FakeClock };
  /** Errors that nobody foresaw, as the door logged them. */
  readonly unforeseen: readonly unknown[];
  /** Ends the connection under every request. */
  disconnect(): void;
}

/** A client `test` at 10.0.0.9 of a door over these services. */
export function talkTo(services: Services, limited: Partial<KafkaLimits> = {}): Talk {
  const unforeseen: unknown[] = [];
  const connection = new AbortController();
  const logger = {
    ...silentLogger,
    error: (facts: object) => {
      unforeseen.push(facts);
    },
  };
  const limits = { ...defaultKafkaLimits, ...limited };
  const clock = new FakeClock();
  const context = {
    services,
    clock,
    logger,
    clusterId: "cluster-of-the-test-01",
    nodeId: 1,
    limits,
    shareSessions: shareSessionsOver(services.shares, { limits, logger }),
  };
  const ask: Ask = async (name, version, body) => {
    const header = { apiVersion: version, correlationId: 7, clientId: "test" };
    const frame = Buffer.concat(encodeRequest(name, header, body).chunks).subarray(4);
    const request = readRequest(serving, frame);
    const call: KafkaCall = {
      version,
      clientId: request.clientId,
      clientHost: "10.0.0.9",
      introduce: () => undefined,
      listener: { host: "10.0.0.1", port: 9092 },
      signal: connection.signal,
      releaseWhenSent: (loan) => loan.release(),
    };
    const answer = await request.answer(call, context);
    if (answer.frame === null) throw new Error(`${name} was not answered`);
    const bytes = Buffer.concat(answer.frame.chunks).subarray(4);
    return decodeResponse(name, version, bytes).body;
  };
  return { ask, context, unforeseen, disconnect: () => connection.abort() };
}

/** The services with some of their methods replaced; a method that is not there fails the test that calls it. */
export function servicesWith(
  replaced: { readonly [Part in keyof Services]?: Partial<Services[Part]> },
): Services {
  const missing = (part: string) =>
    new Proxy((replaced as Record<string, object>)[part] ?? {}, {
      get: (target, method) =>
        Reflect.get(target, method) ??
        (() => Promise.reject(new Error(`${part}.${String(method)} is not part of this test`))),
    });
  return new Proxy({} as Services, { get: (_target, part) => missing(String(part)) });
}
