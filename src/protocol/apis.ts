// All APIs of the protocol that the house can read and write, by name.

import type { Decoded, Encodable } from "./field.ts";
import { apiVersions } from "./messages/api-versions.ts";
import {
  findCoordinator,
  heartbeat,
  joinGroup,
  leaveGroup,
  syncGroup,
} from "./messages/classic-groups.ts";
import {
  describeLogDirs,
  electLeaders,
  listPartitionReassignments,
} from "./messages/cluster-admin.ts";
import {
  alterConfigs,
  describeConfigs,
  incrementalAlterConfigs,
  listConfigResources,
} from "./messages/configs.ts";
import { consumerGroupDescribe, consumerGroupHeartbeat } from "./messages/consumer-groups.ts";
import { fetch, listOffsets, offsetForLeaderEpoch } from "./messages/fetch.ts";
import { deleteGroups, describeGroups, listGroups } from "./messages/group-admin.ts";
import { describeCluster, describeTopicPartitions, metadata } from "./messages/metadata.ts";
import { offsetCommit, offsetDelete, offsetFetch } from "./messages/offsets.ts";
import { produce } from "./messages/produce.ts";
import {
  createAcls,
  deleteAcls,
  describeAcls,
  saslAuthenticate,
  saslHandshake,
} from "./messages/security.ts";
import { shareAcknowledge, shareFetch } from "./messages/share-fetch.ts";
import {
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
  describeShareGroupOffsets,
  shareGroupDescribe,
  shareGroupHeartbeat,
} from "./messages/share-groups.ts";
import { createPartitions, createTopics, deleteRecords, deleteTopics } from "./messages/topics.ts";
import {
  describeProducers,
  describeTransactions,
  listTransactions,
} from "./messages/transaction-admin.ts";
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  endTxn,
  initProducerId,
  txnOffsetCommit,
} from "./messages/transactions.ts";

/** The tables, in the order of their keys. Names are Kafka's in camelCase. */
export const apis = {
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  txnOffsetCommit,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  deleteGroups,
  electLeaders,
  incrementalAlterConfigs,
  listPartitionReassignments,
  offsetDelete,
  describeCluster,
  describeProducers,
  describeTransactions,
  listTransactions,
  consumerGroupHeartbeat,
  consumerGroupDescribe,
  listConfigResources,
  describeTopicPartitions,
  shareGroupHeartbeat,
  shareGroupDescribe,
  shareFetch,
  shareAcknowledge,
  describeShareGroupOffsets,
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
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
