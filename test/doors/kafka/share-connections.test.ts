import { describe, expect, test } from "vitest";
import type { EncodableRequest } from "../../../src/protocol/apis.ts";
import { createTopic, produce } from "../../support/engines.ts";
import { settle } from "../../support/fake-clock.ts";
import { openKafka } from "../../support/kafka-fixture.ts";
import { acquiredValues, openShares, range, types } from "../../support/kafka-shares.ts";

const request: EncodableRequest<"shareFetch"> = {
  groupId: "g",
  memberId: "m",
  shareSessionEpoch: 0,
  maxWaitMs: 0,
  minBytes: 1,
  maxRecords: 100,
  batchSize: 0,
  topics: [],
  forgottenTopicsData: [],
};

describe("the end of a connection", () => {
  async function openDoor() {
    const kafka = await openKafka();
    await createTopic(kafka.engine, "jobs");
    const { shares, topics } = kafka.engine.services;
    await shares.alterGroupConfigs("g", { "share.auto.offset.reset": "earliest" });
    await produce(kafka.engine, { topic: "jobs", values: ["a", "b"] });
    const topicId = topics.lookup("jobs")?.topicId ?? "";
    const partitions = [{ partitionIndex: 0, acknowledgementBatches: [] }];
    return { kafka, opening: { ...request, topics: [{ topicId, partitions }] } };
  }

  test("what its members hold comes to others, and its sessions are gone", async () => {
    const { kafka, opening } = await openDoor();
    try {
      const one = await kafka.wire();
      const two = await kafka.wire();
      await one.call("shareFetch", 1, { ...opening, memberId: "one", maxRecords: 1 });
      await one.call("shareFetch", 1, { ...opening, memberId: "also", maxRecords: 1 });
      expect((await two.call("shareFetch", 1, { ...opening, memberId: "two" })).responses).toEqual(
        [],
      );
      // Long enough for the test, and ended by what the first connection lets go of.
      const waiting = two.call("shareFetch", 1, {
        ...request,
        memberId: "two",
        shareSessionEpoch: 1,
        maxWaitMs: 60_000,
      });
      one.drop();
      const [part] = (await waiting).responses[0]?.partitions ?? [];
      expect(acquiredValues(part)[0]).toEqual(["a", 2]);
      const three = await kafka.wire();
      const late = { ...request, memberId: "one", shareSessionEpoch: 1 };
      expect((await three.call("shareFetch", 1, late)).errorCode).toBe(122);
    } finally {
      await kafka.close();
    }
  });

  test("a session that went on elsewhere outlives the connection it was on before", async () => {
    const { kafka, opening } = await openDoor();
    try {
      const one = await kafka.wire();
      const two = await kafka.wire();
      await one.call("shareFetch", 1, opening);
      await two.call("shareFetch", 1, opening);
      one.drop();
      await one.closed();
      const acknowledgementBatches = [range(0, 1, types.accept)];
      const [topic] = opening.topics;
      const partitions = [{ partitionIndex: 0, acknowledgementBatches }];
      const settled = await two.call("shareAcknowledge", 1, {
        groupId: "g",
        memberId: "m",
        shareSessionEpoch: 1,
        topics: [{ topicId: topic?.topicId ?? "", partitions }],
      });
      expect(settled.responses[0]?.partitions[0]?.errorCode).toBe(0);
    } finally {
      await kafka.close();
    }
  });

  test("what a fetch finds when its session has ended is given back", async () => {
    const { open, fetch, partOf, send } = await openShares();
    await open();
    const waiting = fetch({ shareSessionEpoch: 1, maxWaitMs: 500 });
    await settle();
    await open();
    await send(["a"]);
    expect(await waiting).toMatchObject({ errorCode: 122, responses: [] });
    const next = await fetch({ shareSessionEpoch: 1 });
    expect(acquiredValues(partOf(next))).toEqual([["a", 2]]);
  });
});
