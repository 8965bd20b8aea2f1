// All APIs of the protocol that the house can read and write, by name.

import type { Decoded, Encodable } from "./field.ts";
import { apiVersions } from "./messages/api-versions.ts";
import { fetch, listOffsets, offsetForLeaderEpoch } from "./messages/fetch.ts";
import { describeCluster, describeTopicPartitions, metadata } from "./messages/metadata.ts";
import { produce } from "./messages/produce.ts";

/** The tables. Names are Kafka's in camelCase. */
export const apis = {
  produce,
  fetch,
  listOffsets,
  metadata,
  apiVersions,
  offsetForLeaderEpoch,
  describeCluster,
  describeTopicPartitions,
};

/** Name of an API. */
export type ApiName = keyof typeof apis;

/** A decoded request: every field is there, with its default where the version lacks it. */
export type RequestOf<N extends ApiName> = Decoded<(typeof apis)[N]["request"]>;

/** A decoded response: every field is there, with its default where the version lacks it. */
export type ResponseOf<N extends ApiName> = Decoded<(typeof apis)[N]["response"]>;

/** What a request is encoded from: fields with a default may be left out, fields that a version lacks are ignored. */
export type EncodableRequest<N extends ApiName> = Encodable<(typeof apis)[N]["request"]>;

/** What a response is encoded from: fields with a default may be left out, fields that a version lacks are ignored. */
export type EncodableResponse<N extends ApiName> = Encodable<(typeof apis)[N]["response"]>;
