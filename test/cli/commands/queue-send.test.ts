import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CliInput, varve } from "../../support/cli-run.ts";
import { problem } from "../../support/fake-http-server.ts";
import { FakeQueue } from "../../support/fake-queue.ts";
import { until } from "../../support/until.ts";

let server: FakeQueue;

beforeEach(async () => {
  server = await FakeQueue.start();
});

afterEach(() => server.stop());

const send = (words: readonly string[], input: CliInput) =>
  varve(["queue", "send", "q", ...words, "--url", server.url], input);
const sent = () =>
  server
    .calls("messages")
    .flatMap(({ body }) => (body as { records: readonly Record<string, unknown>[] }).records)
    .map(({ value, key, ...rest }) => ({
      ...(key === undefined ? {} : { key: Buffer.from(key as string).toString() }),
      value: value === undefined ? null : Buffer.from(value as string).toString(),
      ...rest,
    }));

test("queue send: a line a message, with the options for all of them", async () => {
  const words = ["--key", "k", "--delay-ms", "5", "--priority", "9", "--ttl-ms", "7"];
  const got = await send([...words, "--header", "a=b"], { stdin: "one\ntwo" });
  expect([got.code, got.stderr]).toEqual([0, "sent 2 messages\n"]);
  const all = { key: "k", headers: { a: "b" }, delayMs: 5, priority: 9, ttlMs: 7 };
  expect(sent()).toEqual([
    { value: "one", ...all },
    { value: "two", ...all },
  ]);
});

test("queue send --dedup-id: one of its own for each message, the same whatever is skipped", async () => {
  await send(["--dedup-id", "job"], { stdin: "a\nb\nc\n" });
  expect(sent().map((one) => one["dedupId" as never])).toEqual(["job", "job-2", "job-3"]);
  await send(["--dedup-id", "job", "--skip", "1"], { stdin: "a\nb\n" });
  expect(sent().at(-1)).toEqual({ value: "b", dedupId: "job-2" });
});

test("queue send --ndjson: what a line says wins; its value verbatim", async () => {
  const lines = [
    '{"key":"own","value":{"big":12345678901234567890},"delayMs":1}',
    '{"text":"plain","deliverAtMs":1700000000000,"dedupId":"d","ttlMs":null}',
    "",
    '{"b64":"AAE=","partition":2}',
  ];
  const words = ["--ndjson", "--key", "k", "--delay-ms", "5"];
  expect((await send(words, { stdin: lines.join("\n") })).code).toBe(0);
  expect(sent()).toEqual([
    { key: "own", value: '{"big":12345678901234567890}', delayMs: 1 },
    { key: "k", value: "plain", deliverAtMs: 1_700_000_000_000, dedupId: "d" },
    { key: "k", value: "\0\u0001", partition: 2, delayMs: 5 },
  ]);
});

test.each([
  ['{"value":1,"delayMs":"soon"}', /input line 2: .*'delayMs' must be an integer/],
  ['{"value":1,"dlayMs":5}', /input line 2: .*no field "dlayMs".*delayMs/],
  ["not json", /input line 2/],
])(
  "queue send --ndjson %j: names the line, and nothing of its portion is sent",
  async (line, complaint) => {
    const got = await send(["--ndjson"], { stdin: `{"value":1}\n${line}\n` });
    expect(got.code).toBe(1);
    expect(got.stderr).toMatch(complaint);
    expect(sent()).toEqual([]);
  },
);

test("queue send: a failure: says how far it came and where to resume", async () => {
  let calls = 0;
  server.spoilReply = () => (++calls === 2 ? "break" : null);
  const input = Array.from({ length: 700 }, (_, index) => `${index}\n`).join("");
  const got = await send(["--skip", "10"], { stdin: input });
  expect(got.code).toBe(1);
  expect(got.stderr).toMatch(
    /^varve: .*first 510 messages are in the queue, resume with --skip 510; 190 more may be in it\n$/,
  );
});

test("queue send: a full queue, a missing file, no server: each by its own words", async () => {
  server.spoil = () => problem(429, "QUEUE_FULL");
  const full = await send([], { stdin: "a\n" });
  expect([full.code, full.stderr]).toEqual([1, "varve: QUEUE_FULL happened (QUEUE_FULL)\n"]);
  const missing = await send(["/no/such/file"], {});
  expect(missing.stderr).toBe("varve: /no/such/file: no such file or directory\n");
  const away = await varve(["queue", "send", "q", "--url", "http://127.0.0.1:9"], { stdin: "a" });
  expect(away.code).toBe(3);
  expect(away.stderr).toMatch(/start one with 'varve serve'/);
});

test("queue send: stopped while it waits for input: what was read is in the queue", async () => {
  const stop = new AbortController();
  const stdin = new Readable({ read: () => undefined });
  stdin.push("one\ntwo\n");
  const sending = send([], { stdin, stop: stop.signal });
  await until(() => server.calls("messages").length === 1);
  await until(() => sent().length === 2);
  // The reply has to be heard before the wish to stop.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  const got = await sending;
  expect(got.code).toBe(130);
  expect(got.stderr).toMatch(/^varve: stopped/);
});
