import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Answer,
  BareConnection,
  type LiveServer,
  liveServer,
} from "../support/live-server.ts";
import { until } from "../support/until.ts";

let server: LiveServer;
let count = 0;
beforeAll(async () => {
  server = await liveServer();
});
afterAll(async () => {
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
  await server.close();
});

async function newTopic(partitions = 2): Promise<string> {
  const name = `t${count++}`;
  await server.call("PUT", `/v1/topics/${name}`, { json: { partitions } });
  return name;
}

async function fill(topic: string, partition: number, ...values: number[]): Promise<void> {
  const records = values.map((value) => ({ partition, value }));
  const answer = await server.call("POST", `/v1/topics/${topic}/records`, { json: { records } });
  expect(answer.status).toBe(200);
}

const post = (group: string, call: string, json: object) =>
  server.call("POST", `/v1/groups/${group}/${call}`, { json });
const poll = (topic: string, ask: object) =>
  post(`g-${topic}`, "poll", { topics: [topic], ...ask });
const values = ({ body }: Answer) => body.records.map(({ value }: { value: unknown }) => value);
const owned = ({ body }: Answer): number[] =>
  body.assignment.flatMap(({ partitions }: { partitions: number[] }) => partitions);
const committed = async (topic: string) => {
  const { body } = await server.call("GET", `/v1/groups/g-${topic}/offsets`);
  return body.offsets.map(({ committedOffset }: { committedOffset: number }) => committedOffset);
};

describe("shapes", () => {
  test("every reply has the fields of the contract and no others", async () => {
    const topic = await newTopic();
    await fill(topic, 0, 1, 2, 3);
    const group = `g-${topic}`;
    const first = await poll(topic, { member: "m" });
    expect(Object.keys(first.body).toSorted()).toEqual(
      ["assignment", "epoch", "member", "positions", "records"].toSorted(),
    );
    expect(first.body).toMatchObject({
      member: "m",
      epoch: expect.any(Number),
      assignment: [{ topic, partitions: [0, 1] }],
      positions: [
        { topic, partition: 0, offset: 3 },
        { topic, partition: 1, offset: 0 },
      ],
    });
    expect(first.body.records[0]).toMatchObject({ topic, partition: 0, offset: 0, value: 1 });
    const offsets = [{ topic, partition: 0, offset: 2, metadata: "half" }];
    const { epoch } = first.body;
    const commit = await post(group, "commit", { member: "m", epoch, offsets });
    const view = {
      topic,
      partition: 0,
      committedOffset: 2,
      logEndOffset: 3,
      lag: 1,
      metadata: "half",
    };
    expect([commit.status, commit.body]).toEqual([200, { offsets: [view] }]);
    const none = { topic, partition: 1, committedOffset: null, logEndOffset: 0, metadata: "" };
    const described = await server.call("GET", `/v1/groups/${group}`);
    expect(described.body).toEqual({
      group,
      state: "STABLE",
      epoch,
      members: [
        {
          member: "m",
          client: expect.any(String),
          assignment: [{ topic, partitions: [0, 1] }],
          lastSeenMs: expect.any(Number),
        },
      ],
      offsets: [view, expect.objectContaining(none)],
    });
    const listed = await server.call("GET", "/v1/groups");
    expect(listed.body.groups).toContainEqual({
      group,
      state: "STABLE",
      members: 1,
      topics: [topic],
    });
    const left = await post(group, "leave", { member: "m" });
    expect([left.status, left.text]).toEqual([204, ""]);
    const body = { to: "earliest", topics: [topic] };
    const reset = await server.call("PUT", `/v1/groups/${group}/offsets`, { json: body });
    expect(reset.body).toEqual({
      dryRun: false,
      offsets: [
        { topic, partition: 0, before: 2, after: 0 },
        { topic, partition: 1, before: null, after: 0 },
      ],
    });
    expect((await server.call("DELETE", `/v1/groups/${group}`)).status).toBe(204);
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/offsets"],
      ["DELETE", ""],
    ] as const) {
      const gone = await server.call(method, `/v1/groups/${group}${path}`);
      expect([gone.status, gone.body.code]).toEqual([404, "GROUP_ID_NOT_FOUND"]);
    }
  });

  test("a commit: stale epoch and stranger 409; without member only while the group is empty", async () => {
    const topic = await newTopic();
    const group = `g-${topic}`;
    const offsets = [{ topic, partition: 0, offset: 0 }];
    expect((await post(group, "commit", { offsets })).status).toBe(200);
    const { body } = await poll(topic, { member: "m" });
    expect((await post(group, "commit", { offsets })).body).toMatchObject({ status: 409 });
    const commit = (ask: object) => post(group, "commit", { offsets, ...ask });
    expect((await commit({ member: "m", epoch: body.epoch })).status).toBe(200);
    expect((await commit({ member: "m" })).status).toBe(200);
    expect((await commit({ member: "m", epoch: body.epoch + 1 })).status).toBe(409);
    expect((await commit({ member: "stranger", epoch: 1 })).status).toBe(409);
    await poll(topic, { member: "n" });
    await poll(topic, { member: "m" });
    expect((await commit({ member: "m", epoch: body.epoch })).body).toMatchObject({
      status: 409,
      code: "STALE_MEMBER_EPOCH",
    });
    const unknown = [{ topic, partition: 9, offset: 0 }];
    expect((await post(group, "commit", { member: "m", offsets: unknown })).status).toBe(404);
    for (const bad of [-1, 1.5, "0", null, 2 ** 60]) {
      const answer = await commit({ offsets: [{ topic, partition: 0, offset: bad }] });
      expect([bad, answer.status]).toEqual([bad, 400]);
    }
  });

  test("replay or skip: positions, times, a dry run; refused while members are active", async () => {
    const topic = await newTopic(1);
    const group = `g-${topic}`;
    const records = [1000, 2000, 3000, 4000].map((timestampMs) => ({ value: 1, timestampMs }));
    await server.call("POST", `/v1/topics/${topic}/records`, { json: { records } });
    await post(group, "commit", { offsets: [{ topic, partition: 0, offset: 1 }] });
    const reset = async (json: object) => {
      const answer = await server.call("PUT", `/v1/groups/${group}/offsets`, { json });
      return answer.body.offsets?.[0].after ?? answer.status;
    };
    expect(await reset({ to: "latest", dryRun: true })).toBe(4);
    expect(await committed(topic)).toEqual([1]);
    for (const [to, after] of [
      ["@2500", 2],
      ["@1970-01-01T00:00:04Z", 3],
      ["-1", 3],
      ["-99", 0],
      ["latest", 4],
      [2, 2],
      ["3", 3],
      ["@99999", 4],
    ] as const) {
      expect([to, await reset({ to })]).toEqual([to, after]);
      expect(await committed(topic)).toEqual([after]);
    }
    // Beyond the end there is nothing to resume at: the end is as far as a skip goes.
    expect(await reset({ to: "100" })).toBe(4);
    for (const bad of [
      {},
      { to: "x" },
      { to: "latest", offsets: [] },
      { to: "-0" },
      { to: 1.5 },
      { to: 2 ** 60 },
    ]) {
      expect([bad, await reset(bad)]).toEqual([bad, 400]);
    }
    expect(await reset({ to: "latest", topics: ["missing"] })).toBe(404);
    await poll(topic, { member: "m" });
    for (const dryRun of [false, true]) expect(await reset({ to: "latest", dryRun })).toBe(409);
    const busy = await server.call("DELETE", `/v1/groups/${group}`);
    expect([busy.status, busy.body.code]).toEqual([409, "NON_EMPTY_GROUP"]);
  });
});

describe("in anger", () => {
  test("a retry while the first poll waits: the first is answered, the second has the records", async () => {
    const topic = await newTopic(1);
    const first = poll(topic, { member: "m", waitMs: 30_000 });
    await until(async () => (await server.metric("varve_http_waiting_requests")) === 1);
    const second = poll(topic, { member: "m", waitMs: 30_000 });
    expect(values(await first)).toEqual([]);
    await fill(topic, 0, 1, 2);
    expect(values(await second)).toEqual([1, 2]);
    await poll(topic, { member: "m" });
    expect(await committed(topic)).toEqual([2]);
  });

  test("a client that goes away with the reply unread: gets the records again", async () => {
    const topic = await newTopic(1);
    await fill(topic, 0, 1, 2, 3);
    const bare = await BareConnection.open(server.port);
    const body = JSON.stringify({ member: "m", topics: [topic] });
    const lines = ["host: x", "content-type: application/json", `content-length: ${body.length}`];
    bare.send([`POST /v1/groups/g-${topic}/poll HTTP/1.1`, ...lines, "", body].join("\r\n"));
    // The server has sent it all; that nobody read it shows in how the connection ends.
    await bare.until(/"positions"/);
    const closed = new Promise((resolve) => bare.socket.once("close", resolve));
    bare.socket.resetAndDestroy();
    await closed;
    await server.call("GET", "/livez");
    expect(values(await poll(topic, { member: "m" }))).toEqual([1, 2, 3]);
    await poll(topic, { member: "m" });
    expect(await committed(topic)).toEqual([3]);
  });

  test("a member that vanishes: the others get its partitions at the committed offset", async () => {
    const topic = await newTopic();
    await fill(topic, 0, 1);
    await fill(topic, 1, 2);
    await poll(topic, { member: "gone", sessionTimeoutMs: 300 });
    await poll(topic, { member: "stays", sessionTimeoutMs: 10_000 });
    const seen: number[] = [];
    while (seen.length < 2)
      seen.push(...values(await poll(topic, { member: "stays", waitMs: 2000 })));
    expect(seen.toSorted((a, b) => Number(a) - Number(b))).toEqual([1, 2]);
    const { body } = await server.call("GET", `/v1/groups/g-${topic}`);
    expect(body.members.map(({ member }: { member: string }) => member)).toEqual(["stays"]);
  });

  test("a rebalance while a poll waits: the poll returns with its new assignment", async () => {
    const topic = await newTopic();
    expect(owned(await poll(topic, { member: "a" }))).toEqual([0, 1]);
    const waiting = poll(topic, { member: "a", waitMs: 30_000 });
    await until(async () => (await server.metric("varve_http_waiting_requests")) === 1);
    const joined = poll(topic, { member: "b", waitMs: 30_000 });
    expect(owned(await waiting)).toHaveLength(1);
    expect(owned(await joined)).toHaveLength(1);
  });

  test("autoCommit false: what is not committed comes again to the next owner", async () => {
    const topic = await newTopic(1);
    await fill(topic, 0, 1, 2, 3);
    const ask = { member: "m", autoCommit: false };
    expect(values(await poll(topic, { ...ask, maxRecords: 2 }))).toEqual([1, 2]);
    expect(values(await poll(topic, ask))).toEqual([3]);
    await post(`g-${topic}`, "commit", {
      member: "m",
      offsets: [{ topic, partition: 0, offset: 1 }],
    });
    await post(`g-${topic}`, "leave", { member: "m" });
    expect(values(await poll(topic, { member: "n" }))).toEqual([2, 3]);
  });

  test.each(["before it polls again", "while it waits"])(
    "a topic deleted and made anew under a member, %s: its new records come from the first",
    async (when) => {
      const topic = await newTopic(1);
      await fill(topic, 0, 1, 2, 3);
      expect(values(await poll(topic, { member: "m" }))).toEqual([1, 2, 3]);
      const isWaiting = when === "while it waits";
      const waiting = isWaiting ? poll(topic, { member: "m", waitMs: 30_000 }) : null;
      if (isWaiting) {
        await until(async () => (await server.metric("varve_http_waiting_requests")) === 1);
      }
      await server.call("DELETE", `/v1/topics/${topic}`);
      await server.call("PUT", `/v1/topics/${topic}`, { json: { partitions: 1 } });
      await fill(topic, 0, 11, 12, 13, 14, 15);
      const seen: number[] = waiting === null ? [] : [...values(await waiting)];
      for (let polls = 0; seen.length < 5 && polls < 20; polls++) {
        seen.push(...values(await poll(topic, { member: "m", waitMs: 200 })));
      }
      expect(seen).toEqual([11, 12, 13, 14, 15]);
      await poll(topic, { member: "m" });
      expect(await committed(topic)).toEqual([5]);
    },
  );

  test("a committed offset beyond the end: the group goes on where `from` says", async () => {
    for (const [from, expected] of [
      ["earliest", [1, 2, 3]],
      ["latest", [3]],
    ] as const) {
      const topic = await newTopic(1);
      await fill(topic, 0, 1, 2);
      await post(`g-${topic}`, "commit", { offsets: [{ topic, partition: 0, offset: 100 }] });
      const seen: number[] = [...values(await poll(topic, { member: "m", from }))];
      await fill(topic, 0, 3);
      while (seen.length < expected.length) {
        seen.push(...values(await poll(topic, { member: "m", from, waitMs: 1000 })));
      }
      expect(seen).toEqual(expected);
    }
  });

  test("records trimmed away below the committed offset: the group goes on at the log start", async () => {
    const topic = await newTopic(1);
    await fill(topic, 0, 1, 2, 3, 4);
    expect(values(await poll(topic, { member: "m", maxRecords: 1 }))).toEqual([1]);
    await server.call("POST", `/v1/topics/${topic}/trim`, {
      json: { before: [{ partition: 0, offset: 3 }] },
    });
    expect(values(await poll(topic, { member: "m", from: "latest" }))).toEqual([4]);
    await post(`g-${topic}`, "leave", { member: "m" });
    await post(`g-${topic}`, "commit", { offsets: [{ topic, partition: 0, offset: 0 }] });
    expect(values(await poll(topic, { member: "n", from: "latest" }))).toEqual([4]);
  });

  test("partitions added: are found by who reads the topic", async () => {
    const topic = await newTopic(1);
    await poll(topic, { member: "m" });
    await server.call("PATCH", `/v1/topics/${topic}`, { json: { partitions: 3 } });
    await fill(topic, 2, 7);
    const seen: number[] = [];
    while (seen.length === 0)
      seen.push(...values(await poll(topic, { member: "m", waitMs: 1000 })));
    expect(seen).toEqual([7]);
  });
});
