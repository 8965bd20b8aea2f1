import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { varve } from "../../support/cli-run.ts";
import { problem } from "../../support/fake-http-server.ts";
import { FakeVarve } from "../../support/fake-varve.ts";

let server: FakeVarve;

beforeEach(async () => {
  server = await FakeVarve.start({ logs: 1, wide: 3 });
});

afterEach(() => server.stop());

const consume = (words: readonly string[], input: Parameters<typeof varve>[1] = {}) =>
  varve(["consume", "--url", server.url, ...words], input);

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("consume: what and how much", () => {
  test("a topic of three partitions: all of it, one partition after the other", async () => {
    server.append("wide", 0, "a", "b");
    server.append("wide", 2, "c");
    const got = await consume(["wide"]);
    expect(got).toMatchObject({ code: 0, stderr: "" });
    expect(got.stdout.toString()).toBe("a\nb\nc\n");
  });

  test("records appended while it reads: not part of what was asked for", async () => {
    server.append("logs", 0, "a", "b");
    server.spoil = ({ path }) => {
      if (path.includes("/partitions/")) server.append("logs", 0, "late");
      return null;
    };
    expect((await consume(["logs"])).stdout.toString()).toBe("a\nb\n");
  });

  test.each([
    [["--from", "-2"], "c\nd\n"],
    [["--from", "1", "--max", "2"], "b\nc\n"],
    [["--from", "latest"], ""],
    [["--max", "1"], "a\n"],
    [["--no-final-newline"], "a\nb\nc\nd"],
    [["--null-delimiter"], "a\0b\0c\0d\0"],
    [
      ["--format", "hex", "--print-key", "--null-text", "none"],
      "none\t61\nnone\t62\nnone\t63\nnone\t64\n",
    ],
  ])("options %j: print %j", async (options, expected) => {
    server.append("logs", 0, "a", "b", "c", "d");
    expect((await consume(["logs", ...options])).stdout.toString()).toBe(expected);
  });

  test("an offset beyond the end: the server's own words, exit code 1", async () => {
    const got = await consume(["logs", "--from", "9", "--partition", "0"]);
    expect(got.code).toBe(1);
    expect(got.stderr).toMatch(/^varve: .*\(OFFSET_OUT_OF_RANGE\)\n$/);
  });

  test("one offset for three partitions: refused as a wrong command line", async () => {
    const got = await consume(["wide", "--from", "5"]);
    expect(got).toMatchObject({ code: 2 });
    expect(got.stderr).toContain("give a partition");
  });

  test("an unknown topic: exit code 1 at once, no waiting", async () => {
    const got = await consume(["nothing"]);
    expect(got.code).toBe(1);
    expect(server.requests.length).toBe(1);
  });

  test("json: one array, also of nothing", async () => {
    expect((await consume(["logs", "--format", "json"])).stdout.toString()).toBe("[]\n");
    server.append("logs", 0, '{"a":1}', "text");
    const parsed: unknown = JSON.parse(
      (await consume(["logs", "--format", "json"])).stdout.toString(),
    );
    expect(parsed).toMatchObject([{ value: { a: 1 } }, { text: "text" }]);
  });
});

describe("consume: following", () => {
  test("records that come later: are printed, until the user stops it with 130", async () => {
    server.append("wide", 1, "first");
    const stop = new AbortController();
    const seen: string[] = [];
    const stdout = new Writable({
      write(chunk: Buffer, _encoding, done) {
        seen.push(chunk.toString());
        done();
      },
    });
    const consuming = consume(["wide", "--follow"], { stdout, stop: stop.signal });
    while (!seen.includes("first\n")) await turn();
    server.append("wide", 0, "second");
    while (!seen.includes("second\n")) await turn();
    stop.abort();
    expect((await consuming).code).toBe(130);
    expect(seen.join("")).toBe("first\nsecond\n");
  });

  test("the reader of the output goes away: ends quietly with 0", async () => {
    server.append("logs", 0, ...Array.from({ length: 5_000 }, (_, index) => `${index}`));
    let written = 0;
    const stdout = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        written += chunk.length;
        done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
      },
    });
    expect(await consume(["logs", "--follow"], { stdout })).toMatchObject({ code: 0, stderr: "" });
    expect(written).toBeGreaterThan(0);
  });

  test("a slow reader: nothing more is fetched than it takes", async () => {
    server.append("logs", 0, ...Array.from({ length: 20_000 }, () => "x".repeat(100)));
    const held: (() => void)[] = [];
    const stdout = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        held.push(done);
      },
    });
    const stop = new AbortController();
    const consuming = consume(["logs"], { stdout, stop: stop.signal });
    while (held.length === 0) await turn();
    for (let wait = 0; wait < 50; wait++) await turn();
    const reads = server.requests.filter(({ path }) => path.includes("/partitions/"));
    // The one that waits to be written, and the one asked for ahead.
    expect(reads.length).toBe(2);
    stop.abort();
    const release = setInterval(() => held.splice(0).forEach((done) => done()), 1);
    expect((await consuming).code).toBe(130);
    clearInterval(release);
  });
});

describe("consume: as a member", () => {
  const words = ["logs", "--group", "g", "--idle-ms", "400"];

  test("all of it: printed once, committed, left; the next member gets what is new", async () => {
    server.append("logs", 0, "a", "b");
    expect((await consume(words)).stdout.toString()).toBe("a\nb\n");
    expect(server.committed.get("g/logs/0")).toBe(2);
    expect(server.requests.at(-1)?.path).toBe("/v1/groups/g/leave");
    server.append("logs", 0, "c");
    expect((await consume(words)).stdout.toString()).toBe("c\n");
  });

  test("--max inside a batch: only what was printed is committed", async () => {
    server.append("logs", 0, "a", "b", "c");
    expect((await consume([...words, "--max", "2"])).stdout.toString()).toBe("a\nb\n");
    expect(server.committed.get("g/logs/0")).toBe(2);
  });

  test("the output is closed: what it did not take is not committed", async () => {
    server.append("logs", 0, "a", "b");
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error("gone"), { code: "EPIPE" })),
    });
    expect((await consume(words, { stdout })).code).toBe(0);
    expect(server.committed.size).toBe(0);
    expect(server.requests.at(-1)?.path).toBe("/v1/groups/g/leave");
  });

  test("a position or partition of its own: refused as a wrong command line", async () => {
    expect((await consume([...words, "--from", "7"])).code).toBe(2);
    expect((await consume([...words, "--partition", "0"])).code).toBe(2);
    expect(server.requests).toEqual([]);
  });

  test("a failing server: one line, exit code 1", async () => {
    server.spoil = () => problem(422, "INVALID_GROUP_ID");
    const got = await consume(words);
    expect(got.code).toBe(1);
    expect(got.stderr).toMatch(/^varve: INVALID_GROUP_ID happened \(INVALID_GROUP_ID\)\n$/);
  });
});
