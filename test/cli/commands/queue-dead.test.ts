import { afterEach, beforeEach, expect, test } from "vitest";
import { varve } from "../../support/cli-run.ts";
import { FakeQueue } from "../../support/fake-queue.ts";

let server: FakeQueue;

beforeEach(async () => {
  server = await FakeQueue.start();
});

afterEach(() => server.stop());

const queue = async (...words: readonly string[]) => {
  const got = await varve(["queue", ...words, "--url", server.url]);
  return { ...got, text: got.stdout.toString() };
};

const letter = (offset: number, changes: object = {}) => ({
  partition: 0,
  offset,
  timestampMs: 7,
  key: null,
  value: Buffer.from("a\tb"),
  headers: {},
  original: { topic: "q", partition: 2, offset: 30 },
  deliveries: 5,
  reason: "exit code 1: no\nspace",
  deadAtMs: 0,
  ...changes,
});

/** Answers with letters from 0 to `count`, two at a time. */
const answerLetters = (count: number, changes: object = {}) => {
  server.spoil = ({ query }) => {
    const from = query["from"] === "earliest" ? 0 : Number(query["from"]?.split(":")[1]);
    const end = Math.min(count, from + Math.min(2, Number(query["maxRecords"])));
    const offsets = Array.from({ length: Math.max(0, end - from) }, (_, index) => from + index);
    const messages = offsets.map((offset) => letter(offset, changes));
    return { status: 200, body: { messages, next: `0:${end}` } };
  };
};

test("queue dead: a table of all of them, page after page, each on one line", async () => {
  answerLetters(3);
  const { text, stderr } = await queue("dead", "q");
  expect(text.split("\n")[0]).toMatch(/^LETTER +FROM +DELIVERIES +DIED AT +REASON +VALUE$/);
  expect(text).toMatch(/^0:2 +q:2:30 +5 +1970-01-01T00:00:00.000Z +exit code 1: no space +a b$/m);
  expect(text.split("\n").length).toBe(5);
  expect(stderr).toBe("");
  expect(server.requests.map(({ query }) => query["from"])).toEqual(["earliest", "0:2", "0:3"]);
});

test("queue dead --max and --from: stops there and says where to go on", async () => {
  answerLetters(9);
  const { text, stderr } = await queue("dead", "q", "--from", "0:1", "--max", "3");
  expect(text.match(/^0:\d/gm)).toEqual(["0:1", "0:2", "0:3"]);
  expect(stderr).toBe("there may be more: --from 0:4\n");
});

test("queue dead: letters without a story, and long ones", async () => {
  const none = { topic: null, partition: null, offset: null };
  const nothing = { original: none, deliveries: null, reason: null, deadAtMs: null, value: null };
  answerLetters(1, nothing);
  expect((await queue("dead", "q")).text).toMatch(/^0:0 +- +- +- +- +-$/m);
  answerLetters(1, { value: Buffer.from("x".repeat(100)) });
  expect((await queue("dead", "q")).text).toMatch(/ x{39}…$/m);
});

test("queue dead --json: the record and its story", async () => {
  answerLetters(1);
  expect(JSON.parse((await queue("dead", "q", "--json")).text)).toEqual([
    {
      partition: 0,
      offset: 0,
      timestampMs: 7,
      key: null,
      text: "a\tb",
      headers: {},
      original: { topic: "q", partition: 2, offset: 30 },
      deliveries: 5,
      reason: "exit code 1: no\nspace",
      deadAtMs: 0,
    },
  ]);
});

test("queue redrive: all, the oldest, or those named", async () => {
  server.spoil = () => ({ status: 200, body: { redriven: 2 } });
  expect((await queue("redrive", "q")).text).toBe("redriven 2 messages\n");
  await queue("redrive", "q", "--max", "5");
  await queue("redrive", "q", "--offset", "0:17", "--offset", "1:3");
  expect(server.requests.map(({ body }) => body)).toEqual([
    {},
    { max: 5 },
    {
      offsets: [
        { partition: 0, offset: 17 },
        { partition: 1, offset: 3 },
      ],
    },
  ]);
  const wrong = await queue("redrive", "q", "--offset", "17");
  expect([wrong.code, server.requests.length]).toEqual([2, 3]);
  expect(wrong.stderr).toMatch(/partition:offset/);
});
