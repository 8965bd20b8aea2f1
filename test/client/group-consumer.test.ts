import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createClient,
  type GroupConsumerOptions,
  type VarveClient,
} from "../../src/client/client.ts";
import { problem, type SeenRequest } from "../support/fake-http-server.ts";
import { FakeVarve } from "../support/fake-varve.ts";

let server: FakeVarve;
let client: VarveClient;

beforeEach(async () => {
  server = await FakeVarve.start({ logs: 1 });
  client = createClient({ url: server.url, backoffMs: 1, retriesMax: 1 });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

const member = (changes: Partial<GroupConsumerOptions> = {}) =>
  client.consumer({ group: "g", topics: ["logs"], member: "m", ...changes });
const committed = () => server.committed.get("g/logs/0") ?? null;
const calls = () => server.requests.map(({ path }) => path.split("/").at(-1));
const isPoll = ({ path }: SeenRequest): boolean => path.endsWith("/poll");
const text = (value: Uint8Array | null) => Buffer.from(value ?? "").toString();

describe("group consumer: what is committed", () => {
  test("a loop that is left: the records before the last one handed out, then it leaves", async () => {
    server.append("logs", 0, "a", "b", "c");
    for await (const record of member()) if (text(record.value) === "b") break;
    expect(committed()).toBe(1);
    expect(calls()).toEqual(["poll", "commit", "leave"]);
  });

  test("an error in the loop's body: the record it happened at comes again", async () => {
    server.append("logs", 0, "a", "b");
    const failing = (async () => {
      for await (const record of member()) if (text(record.value) === "b") throw new Error("body");
    })();
    await expect(failing).rejects.toThrow("body");
    const seen: string[] = [];
    for await (const record of member({ member: "n" })) {
      seen.push(text(record.value));
      break;
    }
    expect(seen).toEqual(["b"]);
  });

  test("commit() in the body: counts the present record as finished", async () => {
    server.append("logs", 0, "a", "b");
    const consumer = member({ autoCommit: false });
    for await (const record of consumer) {
      await consumer.commit();
      if (text(record.value) === "b") break;
    }
    expect(committed()).toBe(2);
  });

  test("without autoCommit and commit(): nothing", async () => {
    server.append("logs", 0, "a");
    for await (const _ of member({ autoCommit: false })) break;
    expect(committed()).toBeNull();
  });

  test("portions: committed when the next one is asked for, before it is fetched", async () => {
    server.append("logs", 0, "a", "b", "c");
    let rounds = 0;
    for await (const records of member({ maxRecords: 2 }).batches()) {
      if (++rounds === 2) break;
      expect(records.length).toBe(2);
      expect(committed()).toBeNull();
    }
    expect(committed()).toBe(2);
    expect(calls()).toEqual(["poll", "commit", "poll", "leave"]);
    const commit = server.requests.find(({ path }) => path.endsWith("/commit"));
    expect(commit?.body).toMatchObject({ member: "m", epoch: 3 });
  });

  test("a slow body: commits by time, not only with the next fetch", async () => {
    server.append("logs", 0, "a", "b", "c");
    for await (const record of member({ autoCommitIntervalMs: 0 })) {
      if (text(record.value) === "c") expect(committed()).toBe(2);
      if (text(record.value) === "c") break;
    }
  });
});

describe("group consumer: failures", () => {
  const readThree = async (changes: Partial<GroupConsumerOptions> = {}) => {
    const seen: string[] = [];
    for await (const record of member({ maxRecords: 1, ...changes })) {
      seen.push(text(record.value));
      if (seen.length === 3) break;
    }
    return seen;
  };

  test("a lost reply: leaves and joins again, so that no record is passed over", async () => {
    server.append("logs", 0, "a", "b", "c");
    let polls = 0;
    server.spoilReply = (request) => (isPoll(request) && ++polls === 2 ? "break" : null);
    expect(await readThree()).toEqual(["a", "b", "c"]);
    expect(calls().slice(0, 5)).toEqual(["poll", "commit", "poll", "leave", "poll"]);
  });

  test("a fenced member: joins again and goes on at the committed offset", async () => {
    server.append("logs", 0, "a", "b", "c");
    let polls = 0;
    server.spoil = (request) =>
      isPoll(request) && ++polls === 2 ? problem(409, "FENCED_MEMBER_EPOCH") : null;
    expect(await readThree()).toEqual(["a", "b", "c"]);
  });

  test("a refused commit: is made up for with the next one", async () => {
    server.append("logs", 0, "a", "b", "c");
    let commits = 0;
    server.spoil = ({ path }) =>
      path.endsWith("/commit") && ++commits === 1 ? problem(409, "STALE_MEMBER_EPOCH") : null;
    expect(await readThree()).toEqual(["a", "b", "c"]);
    expect(committed()).toBe(2);
  });

  test("partitions that were taken away: are not committed any more", async () => {
    server.append("logs", 0, "a", "b");
    let polls = 0;
    server.spoil = (request) => {
      if (request.path.endsWith("/commit")) return problem(409, "STALE_MEMBER_EPOCH");
      if (!isPoll(request) || ++polls < 2) return null;
      server.spoil = () => null;
      return {
        status: 200,
        body: { member: "m", epoch: 4, assignment: [], records: [{ ...other }], positions: [] },
      };
    };
    const other = {
      topic: "else",
      partition: 0,
      offset: 7,
      timestampMs: 0,
      key: null,
      value: null,
      headers: {},
    };
    for await (const record of member()) if (record.topic === "else") break;
    expect(committed()).toBeNull();
  });

  test("a failure that does not pass: is thrown, after leaving", async () => {
    server.spoil = (request) => (isPoll(request) ? problem(400, "INVALID_REQUEST") : null);
    await expect(readThree()).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect(calls()).toEqual(["poll", "leave"]);
  });

  test("the signal: ends the loop without an error, commits and leaves", async () => {
    server.append("logs", 0, "a");
    const stop = new AbortController();
    server.spoil = (request) => (isPoll(request) && committed() === 1 ? "hang" : null);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const record of member({ signal: stop.signal })) seen.push(text(record.value));
    })();
    while (server.requests.filter(isPoll).length < 2)
      await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await reading;
    expect(seen).toEqual(["a"]);
    expect(calls().at(-1)).toBe("leave");
  });
});
