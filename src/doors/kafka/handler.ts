// What a handler of one Kafka API is: given a decoded request, it answers with a body to encode.

import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { ApiName, EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import type { Services } from "../../services.ts";
import type { KafkaLimits } from "./kafka-limits.ts";
import type { ShareSessions } from "./share-sessions.ts";

/** Where clients are told to connect. */
export interface Listener {
  readonly host: string;
  readonly port: number;
}

/** Bytes lent out. */
export interface Loan {
  release(): void;
}

/** One request as its handler sees it, beside the decoded body. */
export interface KafkaCall {
  readonly version: number;
  /** Empty when the client sent none. */
  readonly clientId: string;
  /** Address of the client, without port; an IPv4 address in its own form. */
  readonly clientHost: string;
  /** What the client says it is, for the log; the last word counts. */
  introduce(software: string): void;
  /** Where this client is told to find the broker: the same in every answer that names one. */
  readonly listener: Listener;
  /** Aborted when the connection has gone, or the door stops: what waits ends at once. */
  readonly signal: AbortSignal;
  /** Lets go of what the answer's bytes are on loan from, once the network has the last of them or never will. */
  releaseWhenSent(loan: Loan): void;
}

/** What handlers work with. */
export interface KafkaContext {
  readonly services: Services;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Kafka's cluster id: 22 characters of base64url. */
  readonly clusterId: string;
  /** The one broker's id; it leads every partition and coordinates every group. */
  readonly nodeId: number;
  readonly limits: KafkaLimits;
  readonly shareSessions: ShareSessions;
}

/** A body to encode. Nobody is throttled, so that nobody needs to say how long. */
export type Answer<Name extends ApiName> = Omit<EncodableResponse<Name>, "throttleTimeMs">;

/** An API as it is served: the versions that ApiVersions advertises, and who answers. */
export interface Serving<Name extends ApiName> {
  /** Lowest version advertised. */
  readonly min: number;
  /** Highest version advertised and served. */
  readonly max: number;
  /**
   * Answers may be large: the request begins when those before it on its connection have been answered, so that a
   * connection holds one such answer at a time. False when absent.
   */
  readonly beginsInTurn?: boolean;
  /**
   * Answers a request. It runs synchronously up to its first call of the services, so that requests of one connection
   * reach them in the order of arrival. Null: there is no answer (acks=0). Whatever it throws is logged and closes the
   * connection: errors that a client should hear are in the body.
   */
  handle(
    request: RequestOf<Name>,
    call: KafkaCall,
    context: KafkaContext,
  ): Promise<Answer<Name> | null>;
}

/** What answers requests of one API; see `Serving`. */
export type Handler<Name extends ApiName> = Serving<Name>["handle"];

/** A table of served APIs; several are merged into the one that drives dispatch and ApiVersions. */
export type ServingTable = { readonly [Name in ApiName]?: Serving<Name> };
