// A client of a torture that is a member of a consumer group, and must stay one.

import { randomUUID } from "node:crypto";
import type { Client } from "./load.ts";
import { Refused } from "./server-calls.ts";

// Kafka's codes for "you are no member" and "your epoch is not that of a member".
const noMember = new Set([25, 110]);

/** Joins and sends heartbeats; only a server that was killed may have forgotten it. */
export function groupMember(group: string): Client {
  return async (context, kafka) => {
    const { era, endpoints, ledger } = context;
    const memberId = randomUUID();
    let memberEpoch = 0;
    let falls = context.falls;
    while (!context.isStopped) {
      await context.pause(100);
      const body = {
        groupId: group,
        memberId,
        memberEpoch,
        instanceId: null,
        rackId: null,
        rebalanceTimeoutMs: 60_000,
        subscribedTopicNames: [era.plain],
        serverAssignor: null,
        topicPartitions: memberEpoch === 0 ? [] : null,
      };
      const ask = { name: "consumerGroupHeartbeat", version: 0, body } as const;
      try {
        const beat = kafka.call(endpoints.kafka, ask, (answer) => answer.errorCode);
        const answer = await context.survives(beat);
        if (answer !== null) memberEpoch = answer.memberEpoch;
      } catch (error) {
        if (!(error instanceof Refused) || !noMember.has(error.status)) throw error;
        if (context.falls === falls) ledger.problem(`a member of ${group} was put out: ${error}`);
        memberEpoch = 0;
      }
      falls = context.falls;
    }
  };
}
