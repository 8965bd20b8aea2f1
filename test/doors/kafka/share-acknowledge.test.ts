import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import { talkTo } from "../../support/kafka-calls.ts";
import { acquiredValues, openShares, range, types } from "../../support/kafka-shares.ts";

async function openWith(values: readonly string[]) {
  const world = await openShares();
  await world.send(values);
  await world.open();
  const settle = async (
    shareSessionEpoch: number,
    ...[batches, more]: [Parameters<typeof world.settling>[0], object?]
  ) => {
    const topics = world.settling(batches);
    const answer = await world.acknowledge({ shareSessionEpoch, topics, ...more });
    return [answer.errorCode, answer.responses[0]?.partitions[0]?.errorCode];
  };
  return { ...world, settle };
}

describe("what becomes of records", () => {
  test("accepted and rejected ones are settled, released ones come again", async () => {
    const { settle, fetch, partOf, startOffset } = await openWith(["a", "b", "c", "d"]);
    const batches = [
      { firstOffset: 0, lastOffset: 2, acknowledgeTypes: [1, 2, 3] },
      range(3, 3, types.gap),
    ];
    expect(await settle(1, batches)).toEqual([0, 0]);
    expect(await startOffset()).toBe(1);
    const again = await fetch({ shareSessionEpoch: 2 });
    expect(acquiredValues(partOf(again))).toEqual([["b", 2]]);
    expect(await settle(3, [range(1, 1, types.accept)])).toEqual([0, 0]);
    expect(await startOffset()).toBe(4);
  });

  test("a partition is refused whole: what is good of it does not hold either", async () => {
    const { settle, acknowledge, settling, startOffset } = await openWith(["a", "b"]);
    const beyond = [range(0, 1, types.accept), range(2, 2, types.accept)];
    expect(await settle(1, beyond)).toEqual([0, 121]);
    expect(await startOffset()).toBe(0);
    const topics = settling([range(0, 1, types.accept)]);
    const asOther = await acknowledge({ memberId: "n", shareSessionEpoch: 1, topics });
    expect(asOther.errorCode).toBe(122);
    expect(await settle(2, [range(0, 1, types.accept)])).toEqual([0, 0]);
    expect(await settle(3, [range(0, 1, types.accept)])).toEqual([0, 121]);
  });

  test("a range as long as there are offsets is refused at once", async () => {
    const { settle, startOffset } = await openWith(["a", "b"]);
    expect(await settle(1, [range(0, 2 ** 53, types.accept)])).toEqual([0, 121]);
    expect(await settle(2, [range(2 ** 52, 2 ** 53, types.release)])).toEqual([0, 121]);
    const many = Array.from({ length: 10_000 }, (_, index) => range(2 * index, 2 * index, 1));
    expect(await settle(3, many)).toEqual([0, 121]);
    expect(await startOffset()).toBe(0);
  });

  test("a lock that has lapsed is no lock", async () => {
    const { settle, clock } = await openWith(["a"]);
    await clock.run(30_001);
    expect(await settle(1, [range(0, 0, types.accept)])).toEqual([0, 121]);
  });

  test("a renewed lock holds as long as a new one", async () => {
    const { settle, clock, acknowledge, settling } = await openWith(["a"]);
    await clock.run(29_000);
    const topics = settling([range(0, 0, types.renew)]);
    const renewed = await acknowledge({ shareSessionEpoch: 1, isRenewAck: true, topics });
    expect(renewed).toMatchObject({ errorCode: 0, acquisitionLockTimeoutMs: 30_000 });
    await clock.run(29_000);
    expect(await settle(2, [range(0, 0, types.accept)])).toEqual([0, 0]);
  });

  test("version 1 says nothing of locks and renews none", async () => {
    const { acknowledge, settling } = await openWith(["a"]);
    const topics = settling([range(0, 0, types.renew)]);
    const answer = await acknowledge({ shareSessionEpoch: 1, topics }, 1);
    expect(answer.responses[0]?.partitions[0]?.errorCode).toBe(42);
    expect(answer.acquisitionLockTimeoutMs).toBe(0);
  });
});

describe("sessions", () => {
  test("epochs are those of the fetches; 0 is none", async () => {
    const { acknowledge, fetch } = await openWith(["a"]);
    const codeAt = async (shareSessionEpoch: number) =>
      (await acknowledge({ shareSessionEpoch })).errorCode;
    expect(await codeAt(0)).toBe(123);
    expect(await codeAt(-2)).toBe(123);
    expect(await codeAt(7)).toBe(123);
    expect(await codeAt(1)).toBe(0);
    expect((await fetch({ shareSessionEpoch: 1 })).errorCode).toBe(123);
    expect((await fetch({ shareSessionEpoch: 2 })).errorCode).toBe(0);
  });

  test("the last one settles, lets go of the rest, and ends the session", async () => {
    const { settle, open, partOf, acknowledge } = await openWith(["a", "b"]);
    expect(await settle(-1, [range(1, 1, types.accept)])).toEqual([0, 0]);
    expect((await acknowledge({ shareSessionEpoch: 1 })).errorCode).toBe(122);
    expect((await acknowledge({ shareSessionEpoch: -1 })).errorCode).toBe(122);
    expect(acquiredValues(partOf(await open({ memberId: "n" })))).toEqual([["a", 2]]);
  });

  test("who asks must be named", async () => {
    const { acknowledge } = await openWith(["a"]);
    for (const fields of [{ groupId: null }, { memberId: null }, { memberId: "m".repeat(37) }]) {
      const refused = await acknowledge(fields);
      expect(refused.errorCode, JSON.stringify(fields)).toBe(42);
      expect(refused.errorMessage).toMatch(/\w+ .*\w+/);
    }
  });

  test("a session ends even where its member's records cannot be released", async () => {
    const { engine, added } = await openShares();
    const failing = () => Promise.reject(new LogError("KAFKA_STORAGE_ERROR", "no disk"));
    const shares = new Proxy(engine.services.shares, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
        return name === "releaseAll" ? failing : method.bind(target);
      },
    });
    const { ask } = talkTo({ ...engine.services, shares });
    const asking = { groupId: "g", memberId: "m", topics: [] };
    await ask("shareFetch", 1, {
      ...asking,
      shareSessionEpoch: 0,
      maxWaitMs: 0,
      minBytes: 1,
      maxRecords: 1,
      batchSize: 0,
      topics: added([0]),
      forgottenTopicsData: [],
    });
    const close = async () =>
      (await ask("shareAcknowledge", 1, { ...asking, shareSessionEpoch: -1 })).errorCode;
    expect(await close()).toBe(56);
    expect(await close()).toBe(122);
  });
});
