import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import type { EncodableRequest } from "../../../src/protocol/apis.ts";
import { settle } from "../../support/fake-clock.ts";
import { talkTo } from "../../support/kafka-calls.ts";
import { acquiredValues, openShares, range, types } from "../../support/kafka-shares.ts";

describe("sessions", () => {
  test("a session goes on epoch by epoch, and says only what changes", async () => {
    const { open, fetch, partOf, send, settling } = await openShares();
    await send(["a", "b"]);
    const first = await open();
    expect(first).toMatchObject({ errorCode: 0, acquisitionLockTimeoutMs: 30_000 });
    expect(acquiredValues(partOf(first))).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    // Nothing new: no partition is named.
    expect((await fetch({ shareSessionEpoch: 1 })).responses).toEqual([]);
    await send(["c"]);
    const third = await fetch({
      shareSessionEpoch: 2,
      topics: settling([range(0, 1, types.accept)]),
    });
    expect(acquiredValues(partOf(third))).toEqual([["c", 1]]);
    expect(partOf(third)).toMatchObject({ errorCode: 0, acknowledgeErrorCode: 0 });
  });

  test("epochs that are not the next one, and sessions that are not there", async () => {
    const { open, fetch, acknowledge } = await openShares();
    const codeOf = async (shareSessionEpoch: number) =>
      (await fetch({ shareSessionEpoch })).errorCode;
    expect(await codeOf(1)).toBe(122);
    expect(await codeOf(-1)).toBe(122);
    await open();
    expect(await codeOf(2)).toBe(123);
    expect(await codeOf(-2)).toBe(123);
    // A refused epoch moves nothing on.
    expect(await codeOf(1)).toBe(0);
    expect((await acknowledge({ shareSessionEpoch: 2 })).errorCode).toBe(0);
    expect(await codeOf(3)).toBe(0);
    expect((await fetch({ shareSessionEpoch: 4, memberId: "other" })).errorCode).toBe(122);
    expect((await fetch({ shareSessionEpoch: 4, groupId: "other" })).errorCode).toBe(122);
  });

  test("epoch 0 begins anew, and leaves to the member what it holds", async () => {
    const { open, fetch, partOf, send, settling } = await openShares();
    await send(["a"]);
    await open();
    expect((await open()).responses).toEqual([]);
    const settled = await fetch({
      shareSessionEpoch: 1,
      topics: settling([range(0, 0, types.accept)]),
    });
    expect(partOf(settled)).toMatchObject({ acknowledgeErrorCode: 0 });
  });

  test("the last epoch: acknowledges, gives the rest back, fetches nothing", async () => {
    const { open, fetch, partOf, send, settling } = await openShares();
    await send(["a", "b"]);
    await open();
    await send(["c"]);
    const last = await fetch({
      shareSessionEpoch: -1,
      topics: settling([range(0, 0, types.accept)]),
    });
    expect(partOf(last)).toMatchObject({ acknowledgeErrorCode: 0, acquiredRecords: [] });
    expect(await fetch({ shareSessionEpoch: 1 })).toMatchObject({ errorCode: 122 });
    expect(acquiredValues(partOf(await open({ memberId: "n" })))).toEqual([
      ["b", 2],
      ["c", 1],
    ]);
  });

  test("forgotten partitions are not fetched from; added ones are", async () => {
    const { fetch, added, send, topicId } = await openShares({ partitions: 2 });
    await send(["a"], 0);
    await send(["b"], 1);
    const partitionsOf = (answer: Awaited<ReturnType<typeof fetch>>) =>
      answer.responses.flatMap(({ partitions }) => partitions.map((each) => each.partitionIndex));
    expect(partitionsOf(await fetch({ topics: added([0]) }))).toEqual([0]);
    const moved = await fetch({
      shareSessionEpoch: 1,
      topics: added([1]),
      forgottenTopicsData: [{ topicId, partitions: [0] }],
    });
    expect(partitionsOf(moved)).toEqual([1]);
    await send(["c"], 0);
    expect(partitionsOf(await fetch({ shareSessionEpoch: 2 }))).toEqual([]);
  });

  test("no more sessions than fit: refused after the wait of a fetch", async () => {
    const { engine } = await openShares();
    const { ask, context } = talkTo(engine.services, { shareSessionsMax: 1 });
    const open = (memberId: string, maxWaitMs = 0) =>
      ask("shareFetch", 1, { ...request, memberId, maxWaitMs });
    expect((await open("one")).errorCode).toBe(0);
    expect((await open("two")).errorCode).toBe(133);
    let isAnswered = false;
    const waiting = open("two", 500).finally(() => {
      isAnswered = true;
    });
    await settle();
    expect(isAnswered).toBe(false);
    await context.clock.run(500);
    expect((await waiting).errorCode).toBe(133);
    // The one that has a session may begin it anew.
    expect((await open("one")).errorCode).toBe(0);
  });
});

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

describe("acknowledgements on the way", () => {
  test("the error of an acknowledgement is beside that of the fetch", async () => {
    const { open, fetch, partOf, send, settling } = await openShares();
    await send(["a"]);
    await open();
    await send(["b"]);
    const answer = await fetch({
      shareSessionEpoch: 1,
      topics: settling([range(5, 5, types.accept)]),
    });
    expect(partOf(answer)).toMatchObject({ errorCode: 0, acknowledgeErrorCode: 121 });
    expect(acquiredValues(partOf(answer))).toEqual([["b", 1]]);
  });

  test("released records come again in the same answer; rejected ones never", async () => {
    const { open, fetch, partOf, send, settling, startOffset } = await openShares();
    await send(["a", "b", "c"]);
    await open();
    const answer = await fetch({
      shareSessionEpoch: 1,
      topics: settling([range(0, 0, types.release), range(1, 2, types.reject)]),
    });
    expect(acquiredValues(partOf(answer))).toEqual([["a", 2]]);
    await fetch({ shareSessionEpoch: 2, topics: settling([range(0, 0, types.gap)]) });
    expect(await startOffset()).toBe(3);
  });

  test("a failure to fetch does not hide that acknowledgements hold", async () => {
    const { engine, send, settling, added } = await openShares();
    await send(["a"]);
    let isFailing = false;
    const shares = new Proxy(engine.services.shares, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
        const refuse = isFailing && name === "acquire";
        const failing = () => Promise.reject(new LogError("KAFKA_STORAGE_ERROR", "no disk"));
        return refuse ? failing : method.bind(target);
      },
    });
    const { ask } = talkTo({ ...engine.services, shares });
    await ask("shareFetch", 1, { ...request, topics: added([0]) });
    isFailing = true;
    const topics = settling([range(0, 0, types.accept)]);
    const settled = await ask("shareFetch", 1, { ...request, shareSessionEpoch: 1, topics });
    expect(settled.errorCode).toBe(0);
    expect(settled.responses[0]?.partitions[0]).toMatchObject({ acknowledgeErrorCode: 0 });
    expect((await ask("shareFetch", 1, { ...request, shareSessionEpoch: 2 })).errorCode).toBe(56);
  });
});

describe("renewing", () => {
  test("a lock that is renewed holds on; the request fetches nothing", async () => {
    const { open, fetch, partOf, send, settling, clock } = await openShares();
    await send(["a", "b"]);
    await open();
    await clock.run(20_000);
    await send(["c"]);
    const renewed = await fetch({
      shareSessionEpoch: 1,
      isRenewAck: true,
      minBytes: 0,
      maxBytes: 0,
      maxRecords: 0,
      topics: settling([range(0, 0, types.renew), range(1, 1, types.accept)]),
    });
    expect(renewed).toMatchObject({ errorCode: 0, acquisitionLockTimeoutMs: 30_000 });
    expect(partOf(renewed)).toMatchObject({ acknowledgeErrorCode: 0, acquiredRecords: [] });
    await clock.run(20_000);
    const other = await open({ memberId: "n" });
    expect(acquiredValues(partOf(other))).toEqual([["c", 1]]);
    await clock.run(10_001);
    const lapsed = await fetch({ memberId: "n", shareSessionEpoch: 1 });
    expect(acquiredValues(partOf(lapsed))).toEqual([["a", 2]]);
  });

  test("not with a fetch, not without the flag, not in version 1", async () => {
    const { open, fetch, partOf, send, settling } = await openShares();
    await send(["a"]);
    await open();
    const topics = settling([range(0, 0, types.renew)]);
    const none = { minBytes: 0, maxBytes: 0, maxRecords: 0, maxWaitMs: 0 };
    for (const some of [{ minBytes: 1 }, { maxBytes: 1 }, { maxRecords: 1 }, { maxWaitMs: 1 }]) {
      const fields = { ...none, ...some, isRenewAck: true, topics };
      expect((await fetch({ shareSessionEpoch: 1, ...fields })).errorCode).toBe(42);
    }
    const unsaid = await fetch({ shareSessionEpoch: 1, topics });
    expect(partOf(unsaid)).toMatchObject({ acknowledgeErrorCode: 42 });
    const { shareAcquireMode: _, ...old } = { ...request, shareAcquireMode: 0 };
    const inOld = await fetch({ ...old, shareSessionEpoch: 2, topics }, 1);
    expect(partOf(inOld)).toMatchObject({ acknowledgeErrorCode: 42 });
  });
});

describe("waiting", () => {
  test("a fetch waits for a record, and no longer than it may", async () => {
    const { open, fetch, partOf, send, clock } = await openShares();
    const waiting = open({ maxWaitMs: 500 });
    await settle();
    await send(["a"]);
    expect(acquiredValues(partOf(await waiting))).toEqual([["a", 1]]);
    const idle = fetch({ shareSessionEpoch: 1, maxWaitMs: 500 });
    await clock.run(500);
    expect(await idle).toMatchObject({ errorCode: 0, responses: [] });
  });

  test("of two that wait for different partitions each hears of its own", async () => {
    const { fetch, added, send, partOf } = await openShares({ partitions: 2 });
    await fetch({ memberId: "one", topics: added([0]) });
    await fetch({ memberId: "two", topics: added([1]) });
    const one = fetch({ memberId: "one", shareSessionEpoch: 1, maxWaitMs: 500 });
    await settle();
    const two = fetch({ memberId: "two", shareSessionEpoch: 1, maxWaitMs: 500 });
    await settle();
    await send(["b"], 1);
    expect(acquiredValues(partOf(await two))).toEqual([["b", 1]]);
    await send(["a"], 0);
    expect(acquiredValues(partOf(await one))).toEqual([["a", 1]]);
  });

  test("two members of one partition: each record goes to one of them", async () => {
    const { open, fetch, partOf, send } = await openShares();
    await send(["a", "b", "c", "d"]);
    const one = await open({ memberId: "one", maxRecords: 2 });
    const two = await open({ memberId: "two", maxRecords: 5 });
    expect(acquiredValues(partOf(one)).map(([value]) => value)).toEqual(["a", "b"]);
    expect(acquiredValues(partOf(two)).map(([value]) => value)).toEqual(["c", "d"]);
    const waiting = [
      fetch({ memberId: "one", shareSessionEpoch: 1, maxWaitMs: 500, maxRecords: 1 }),
      fetch({ memberId: "two", shareSessionEpoch: 1, maxWaitMs: 500, maxRecords: 1 }),
    ];
    await settle();
    await send(["e", "f"]);
    const values = (await Promise.all(waiting)).flatMap((answer) => acquiredValues(partOf(answer)));
    expect(new Set(values.map(([value]) => value))).toEqual(new Set(["e", "f"]));
    expect(values).toHaveLength(2);
  });
});

describe("limits", () => {
  test("a lock that lapses makes the record another delivery; after the last there is none", async () => {
    const { open, fetch, partOf, send, clock, startOffset } = await openShares({
      configs: { "share.record.lock.duration.ms": "2000", "share.delivery.count.limit": "2" },
    });
    await send(["a"]);
    expect((await open()).acquisitionLockTimeoutMs).toBe(2000);
    await clock.run(2001);
    const again = await fetch({ shareSessionEpoch: 1 });
    expect(acquiredValues(partOf(again))).toEqual([["a", 2]]);
    await clock.run(2001);
    expect((await fetch({ shareSessionEpoch: 2 })).responses).toEqual([]);
    expect(await startOffset()).toBe(1);
  });

  test("modes: exactly so many records, or whole batches; no others", async () => {
    const { open, fetch, partOf, send } = await openShares();
    await send(["a", "b", "c", "d"]);
    await send(["e", "f"]);
    const exact = partOf(await open({ shareAcquireMode: 1, maxRecords: 1 }));
    expect(acquiredValues(exact)).toEqual([["a", 1]]);
    const whole = partOf(await fetch({ shareSessionEpoch: 1, shareAcquireMode: 0, maxRecords: 1 }));
    expect(acquiredValues(whole).map(([value]) => value)).toEqual(["b", "c", "d"]);
    expect((await fetch({ shareSessionEpoch: 2, shareAcquireMode: 2 })).errorCode).toBe(42);
    // A refused request does not move the session on.
    expect(
      (await fetch({ shareSessionEpoch: 2, maxRecords: 0, maxWaitMs: 500 })).responses,
    ).toEqual([]);
    const rest = partOf(await fetch({ shareSessionEpoch: 3 }));
    expect(acquiredValues(rest).map(([value]) => value)).toEqual(["e", "f"]);
  });

  test("bytes: at least one batch, however small the limit", async () => {
    const { open, fetch, partOf, send } = await openShares();
    const value = "x".repeat(100_000);
    await send([value]);
    await send([value]);
    expect(acquiredValues(partOf(await open({ maxBytes: 1 })))).toHaveLength(1);
    const next = await fetch({ shareSessionEpoch: 1, maxBytes: 1 });
    expect(acquiredValues(partOf(next))).toHaveLength(1);
  });

  test("the size of batches splits ranges", async () => {
    const { open, partOf, send } = await openShares();
    await send(["a", "b", "c"]);
    const part = partOf(await open({ batchSize: 2 }));
    expect(part?.acquiredRecords).toMatchObject([
      { firstOffset: 0, lastOffset: 1 },
      { firstOffset: 2, lastOffset: 2 },
    ]);
  });
});

describe("refusals", () => {
  test("who asks, and what a first request may not carry", async () => {
    const { open, fetch, settling } = await openShares();
    for (const fields of [
      { groupId: null },
      { groupId: "" },
      { memberId: null },
      { memberId: "" },
      { memberId: "m".repeat(37) },
      { topics: settling([range(0, 0, types.accept)]) },
    ]) {
      const refused = await open(fields);
      expect(refused.errorCode, JSON.stringify(fields)).toBe(42);
      expect(refused.errorMessage).toMatch(/\w+ .*\w+/);
    }
    const none = await open({ groupId: "none" });
    expect(none.errorCode).toBe(69);
    // The session of a group that is not there does not stay.
    expect((await fetch({ groupId: "none", shareSessionEpoch: 1 })).errorCode).toBe(122);
  });

  test("partitions that are not there: their own error at once, the others go on", async () => {
    const { fetch, added, send, topicId, engine } = await openShares();
    const strange = "00000000-0000-4000-8000-00000000beef";
    const absent = [{ partitionIndex: 9, acknowledgementBatches: [] }];
    const all = await fetch({
      maxWaitMs: 500,
      topics: [
        { topicId, partitions: [...absent, { partitionIndex: -1, acknowledgementBatches: [] }] },
        { topicId: strange, partitions: absent },
      ],
    });
    const errors = all.responses.flatMap(({ partitions }) => partitions.map((p) => p.errorCode));
    expect(errors).toEqual([3, 3, 100]);
    await send(["a"]);
    const some = await fetch({ shareSessionEpoch: 1, topics: added([0]) });
    const found = some.responses.flatMap(({ partitions }) => partitions);
    expect(found.find(({ partitionIndex }) => partitionIndex === 0)?.errorCode).toBe(0);
    await engine.services.topics.delete("jobs");
    const gone = await fetch({ shareSessionEpoch: 2, maxWaitMs: 500 });
    expect(gone.responses.flatMap(({ partitions }) => partitions.map((p) => p.errorCode))).toEqual([
      100, 100, 100, 100,
    ]);
  });
});
