import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { varve } from "../../support/cli-run.ts";
import { problem } from "../../support/fake-http-server.ts";
import { FakeVarve } from "../../support/fake-varve.ts";

let server: FakeVarve;
let directory: string;

beforeEach(async () => {
  server = await FakeVarve.start({ logs: 1, wide: 3 });
  directory = mkdtempSync(join(tmpdir(), "varve-produce-"));
});

afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

const produce = (words: readonly string[], input: Parameters<typeof varve>[1] = {}) =>
  varve(["produce", "--url", server.url, ...words], input);
const consume = (words: readonly string[]) => varve(["consume", "--url", server.url, ...words]);

describe("produce: lines", () => {
  test("bytes of any kind, CR and LF included: consume gives the file back byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc
          .uint8Array({ maxLength: 400 })
          .map((bytes) => bytes.map((one) => (one % 7 === 0 ? 10 : one))),
        fc.integer({ min: 1, max: 9 }),
        async (bytes, batchRecords) => {
          server.create("logs", 1);
          const stdin = new PassThrough();
          // In two chunks, so that lines cross a chunk's end.
          stdin.write(Buffer.from(bytes.subarray(0, 50)));
          stdin.end(Buffer.from(bytes.subarray(50)));
          const made = await produce(["logs", "--batch-records", String(batchRecords)], { stdin });
          expect(made.code).toBe(0);
          const isEnded = bytes.length === 0 || bytes.at(-1) === 10;
          const back = await consume(["logs", ...(isEnded ? [] : ["--no-final-newline"])]);
          expect(Buffer.compare(back.stdout, Buffer.from(bytes))).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("a file into three partitions with requests beside each other: order of the file in each", async () => {
    const lines = Array.from({ length: 997 }, (_, index) => `line ${index}`);
    const file = join(directory, "input.txt");
    writeFileSync(file, `${lines.join("\n")}\n`);
    let running = 0;
    let runningMax = 0;
    server.spoil = async (request) => {
      if (request.method !== "POST") return null;
      runningMax = Math.max(runningMax, ++running);
      await new Promise((resolve) => setTimeout(resolve, running % 3));
      running--;
      return null;
    };
    const made = await produce(["wide", file, "--batch-records", "10"]);
    expect(made.stderr).toMatch(
      /^produced 997 records, \d+ bytes in [\d.]+ s \(\d+ records\/s\)\n$/,
    );
    const stored = [0, 1, 2].map((partition) => server.values("wide", partition));
    for (const values of stored) {
      const numbers = values.map((value) => Number(value.slice(5)));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      expect(values.length).toBeGreaterThan(200);
    }
    expect(stored.flat().sort()).toEqual([...lines].sort());
    expect(runningMax).toBeGreaterThan(1);
  });

  test("keys: the same partition for the same key, which a line without a separator lacks", async () => {
    const lines = Array.from({ length: 60 }, (_, index) => `k${index % 6}=v${index}\n`).join("");
    const made = await produce(["wide", "--key-separator", "=", "--header", "h=x=y"], {
      stdin: lines,
    });
    expect(made.code).toBe(0);
    const homes = new Map<string, Set<number>>();
    server.topics.get("wide")?.forEach((log, partition) => {
      for (const { key, headers } of log) {
        const name = Buffer.from(key ?? "").toString();
        homes.set(name, (homes.get(name) ?? new Set()).add(partition));
        expect(Buffer.from(headers["h"] as string).toString()).toBe("x=y");
      }
    });
    expect([...homes.values()].every((partitions) => partitions.size === 1)).toBe(true);
    expect(homes.size).toBe(6);
    const bad = await produce(["wide", "--key-separator", "="], { stdin: "a=1\nplain\n" });
    expect(bad.code).toBe(1);
    expect(bad.stderr).toMatch(/^varve: input line 2: has no '=' behind a key; .*--skip \d+\n$/);
  });
});

describe("produce: ndjson", () => {
  test("records with all fields: arrive as stated, values verbatim, blank lines passed over", async () => {
    const stdin = [
      '{"key":"k","value":{"n":1.000000000000000000001},"headers":{"a":["1","2"]},"partition":2,"timestampMs":5}',
      "  \r",
      '{"text":"plain","partition":1}\r',
      '{"b64":"/w==","partition":1}',
      '{"key":"gone","partition":1,"text":null}',
    ].join("\n");
    const made = await produce(["wide", "--format", "ndjson"], { stdin });
    expect(made.stderr).toContain("produced 4 records");
    const [only] = server.topics.get("wide")?.[2] ?? [];
    expect(Buffer.from(only?.value ?? "").toString()).toBe('{"n":1.000000000000000000001}');
    expect(only).toMatchObject({
      timestampMs: 5,
      headers: { a: ["1", "2"] },
    });
    const values = server.topics.get("wide")?.[1]?.map((record) => record.value);
    expect(values).toEqual([Buffer.from("plain"), Buffer.from([0xff]), null]);
  });

  test("a bad line: named, and nothing after it is sent", async () => {
    const stdin = '{"text":"a"}\n{"txet":"b"}\n{"text":"c"}\n';
    const made = await produce(["logs", "--format", "ndjson"], { stdin });
    expect(made.code).toBe(1);
    expect(made.stderr).toMatch(/^varve: input line 2: .*txet.*--skip 0\n$/);
    expect(server.values("logs", 0)).toEqual([]);
  });
});

describe("produce: failures", () => {
  const lines = Array.from({ length: 100 }, (_, index) => `${index}`);

  test("lost replies: sent again until all is acknowledged, each record once", async () => {
    let posts = 0;
    server.spoilReply = ({ method }) => (method === "POST" && posts++ % 3 === 1 ? "break" : null);
    const stdin = `${lines.join("\n")}\n`;
    const made = await produce(["logs", "--batch-records", "10"], { stdin });
    expect(made.stderr).toContain("produced 100 records");
    expect(server.values("logs", 0)).toEqual(lines);
  });

  test("a lost reply with acks 1: not sent again; resuming where it says stores no gap", async () => {
    let posts = 0;
    server.spoilReply = ({ method }) => (method === "POST" && ++posts === 4 ? "break" : null);
    const stdin = `${lines.join("\n")}\n`;
    const made = await produce(["logs", "--batch-records", "10", "--acks", "1"], { stdin });
    expect(made.code).toBe(1);
    expect(made.stderr).toContain(
      "the first 30 records are acknowledged, resume with --skip 30; of those after them 0 are acknowledged and 10 may be stored\n",
    );
    expect(made.stderr.trimEnd()).not.toContain("\n");
    expect(server.values("logs", 0)).toEqual(lines.slice(0, 40));
    const again = await produce(["logs", "--skip", "30"], { stdin });
    expect(again.stderr).toContain("produced 70 records");
    expect(server.values("logs", 0).slice(40)).toEqual(lines.slice(30));
  });

  test("a refusal before work: sent again until it is taken, each record once", async () => {
    let posts = 0;
    server.spoil = ({ method }) =>
      method === "POST" && posts++ < 2 ? problem(503, "SERVER_OVERLOADED") : null;
    const made = await produce(["logs", "--batch-records", "30"], {
      stdin: `${lines.join("\n")}\n`,
    });
    expect(made.code).toBe(0);
    expect(server.values("logs", 0)).toEqual(lines);
  });

  test("a failed partition: nothing later overtakes on any partition", async () => {
    server.spoil = ({ method, query }) =>
      method === "POST" && query["partition"] === "1" ? problem(413, "MESSAGE_TOO_LARGE") : null;
    const stdin = `${Array.from({ length: 5_000 }, (_, index) => index).join("\n")}\n`;
    const made = await produce(["wide", "--batch-records", "5"], { stdin });
    expect(made.code).toBe(1);
    expect(made.stderr).toContain("MESSAGE_TOO_LARGE happened (MESSAGE_TOO_LARGE");
    const posts = server.requests.filter(({ method }) => method === "POST");
    // The other two lanes may have gone on until the failure was known, not to the end of 1,000 requests.
    expect(posts.length).toBeLessThan(100);
    const failed = posts.filter(({ query }) => query["partition"] === "1");
    expect(failed.length).toBe(1);
  });

  test("an endless input and a failure: ends without waiting for more input", async () => {
    server.spoil = ({ method }) => (method === "POST" ? problem(400, "INVALID_RECORD") : null);
    const stdin = new PassThrough();
    stdin.write("first\n");
    const made = await produce(["logs"], { stdin });
    expect(made.code).toBe(1);
    expect(made.stderr).toContain("the first 0 records are acknowledged");
  });

  test("stopped by the user: what was read is flushed and the place to resume named", async () => {
    const stop = new AbortController();
    const stdin = new PassThrough();
    stdin.write("a\nb\n");
    const making = produce(["logs"], { stdin, stop: stop.signal });
    while (server.values("logs", 0).length < 2)
      await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    const made = await making;
    expect(made.code).toBe(130);
    expect(made.stderr).toContain("stopped; the first");
  });

  test("nobody listens: exit code 3 and what to do", async () => {
    const { url } = server;
    await server.stop();
    const made = await varve(["produce", "logs", "--url", url], { stdin: "x\n" });
    await server.stop().catch(() => undefined);
    server = await FakeVarve.start();
    expect(made.code).toBe(3);
    expect(made.stderr).toMatch(/^varve: cannot reach the server at .*varve serve.*\n$/);
  });

  test("a missing file and a directory: one line each, before anything is sent", async () => {
    const missing = await produce(["logs", join(directory, "none.txt")]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/none\.txt: no such file or directory\n$/);
    const folder = await produce(["logs", directory]);
    expect(folder.stderr).toMatch(/is a directory; name a file\n$/);
    expect(server.requests).toEqual([]);
  });
});
