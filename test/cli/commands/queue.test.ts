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
const details = {
  queue: "q",
  topic: "q",
  deadLetterTopic: "q.dead",
  leaseMs: 30_000,
  backoff: { type: "exponential", baseMs: 10, maxMs: 500, jitter: 0.5 },
  maxDepth: null,
  depth: 4,
  inFlight: 1,
  delayed: 0,
  dead: 2,
  oldestAgeMs: null,
};

test("queue create: says whether it is new; settings by the names of the API", async () => {
  let status = 201;
  server.spoil = () => ({ status, body: details });
  const words = ["--topic", "t", "--dead-letter-topic", "d", "--lease-ms", "5", "--order", "key"];
  const bounds = ["--max-depth", "7", "--max-bytes", "none", "--rate", "0.5", "--concurrency", "3"];
  const backoff = ["--backoff", "exponential", "--backoff-ms", "10", "--backoff-max-ms", "500"];
  expect((await queue("create", "q", ...words, ...bounds, ...backoff)).text).toBe(
    "queue q created\n",
  );
  expect(server.requests[0]).toMatchObject({ method: "PUT", path: "/v1/queues/q" });
  expect(server.requests[0]?.body).toEqual({
    topic: "t",
    deadLetterTopic: "d",
    leaseMs: 5,
    order: "key",
    maxDepth: 7,
    maxBytes: null,
    rate: 0.5,
    concurrency: 3,
    backoff: { type: "exponential", baseMs: 10, maxMs: 500 },
  });
  status = 200;
  expect((await queue("create", "q", "--max-deliveries", "2")).text).toBe("queue q changed\n");
  expect((await queue("create", "q")).text).toBe("queue q exists already\n");
  expect(JSON.parse((await queue("create", "q", "--json")).text)).toEqual(details);
  await queue("create", "q", "--backoff-ms", "9", "--backoff-jitter", "0.25");
  expect(server.requests.at(-1)?.body).toEqual({
    backoff: { type: "fixed", baseMs: 9, jitter: 0.25 },
  });
});

test.each([
  [["--backoff", "fixed"], /needs --backoff-ms/],
  [["--max-depth", "0"], /whole number/],
  [["--rate", "-1"], /number above 0/],
  [["--backoff-ms", "1", "--backoff-jitter", "2"], /from 0 to 1/],
  [["--overflow", "burn"], /Allowed choices/],
])("queue create %j: is refused as a mistake of the command line", async (words, complaint) => {
  const got = await queue("create", "q", ...words);
  expect([got.code, server.requests.length]).toEqual([2, 0]);
  expect(got.stderr).toMatch(complaint);
});

test("queue list: a table, and JSON", async () => {
  server.spoil = () => ({ status: 200, body: { queues: [details] } });
  expect((await queue("list")).text).toBe(
    "QUEUE  TOPIC  DEPTH  IN FLIGHT  DELAYED  DEAD  OLDEST MS\n" +
      "q      q          4          1        0     2  -\n",
  );
  expect(JSON.parse((await queue("list", "--json")).text)).toEqual([details]);
});

test("queue describe: counts apart from settings", async () => {
  server.spoil = () => ({ status: 200, body: details });
  const { text } = await queue("describe", "q");
  expect(text).toMatch(/^q\n\nCOUNT/);
  const [counts = "", settings = ""] = text.split("SETTING");
  expect(counts).toMatch(/^depth +4$/m);
  expect(counts).not.toMatch(/leaseMs/);
  expect(settings).toMatch(/^leaseMs +30000$/m);
  expect(settings).toMatch(/^maxDepth +none$/m);
  expect(settings).toMatch(/^backoff +exponential, 10 to 500 ms, jitter 0.5$/m);
});

test("queue delete: says so; an unknown queue by its name for it", async () => {
  server.spoil = ({ path }) => (path === "/v1/queues/q" ? { status: 204 } : null);
  expect((await queue("delete", "q")).text).toBe("queue q deleted\n");
  const got = await queue("describe", "other");
  expect(got.code).toBe(1);
  expect(got.stderr).toMatch(/^varve: .*QUEUE_NOT_FOUND[^\n]*\n$/);
});
