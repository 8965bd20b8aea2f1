import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CliInput, varve } from "../../support/cli-run.ts";
import { FakeQueue } from "../../support/fake-queue.ts";
import { until } from "../../support/until.ts";

let server: FakeQueue;
let folder: string;
let stop: AbortController;

beforeEach(async () => {
  server = await FakeQueue.start();
  folder = mkdtempSync(join(tmpdir(), "varve-work-"));
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const work = (words: readonly string[], input: CliInput = {}) =>
  varve(["queue", "work", "q", ...words, "--url", server.url], { stop: stop.signal, ...input });

/** A standard output that can be looked at while the command runs. */
const heard = () => {
  const chunks: Buffer[] = [];
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stdout, text: () => Buffer.concat(chunks).toString() };
};

test("queue work: the value on standard input, the rest in the environment; exit code 0 acks", async () => {
  server.put("one");
  const shown = "$VARVE_QUEUE $VARVE_TOPIC $VARVE_PARTITION:$VARVE_OFFSET $VARVE_DELIVERIES";
  const exec = `cat; echo " ${shown} $VARVE_TIMESTAMP_MS \${VARVE_KEY-no key}"`;
  const working = work(["--exec", exec]);
  await until(() => server.answers.length === 1);
  stop.abort();
  const got = await working;
  expect(got.stdout.toString()).toBe("one q q 0:0 1 7 no key\n");
  expect(server.said).toEqual(["ack one/1"]);
  expect(got.stderr).toBe("done 1, to come again 0, given up 0, lost 0\n");
  expect(got.code).toBe(130);
});

test("queue work: keys: as text, or in base64 where they are none", async () => {
  const keys = [Buffer.from("käy"), Buffer.from([0xff]), Buffer.from("a\0b")];
  server.spoil = ({ path }) => {
    const key = path.endsWith("receive") ? keys.shift() : undefined;
    if (key === undefined) return path.endsWith("settle") ? { status: 200, body } : null;
    const place = { topic: "q", partition: 0, offset: 0, timestampMs: 7, deliveries: 1 };
    const message = { receipt: "r", ...place, key, value: null, headers: {} };
    return { status: 200, body: { messages: [message], ...body } };
  };
  const body = { results: [{ receipt: "r", ok: true }] };
  const working = work(["--exec", 'echo "${VARVE_KEY-none} ${VARVE_KEY_B64-none}"']);
  await until(() => server.settling.length === 3);
  stop.abort();
  expect((await working).stdout.toString()).toBe("käy none\nnone /w==\nnone YQBi\n");
});

test("queue work: other exit codes nack with the end of standard error, --reject-on rejects", async () => {
  server.put("3", "64", "65", "15");
  const exec = 'read code; echo "failed with $code" >&2; [ $code = 15 ] && kill $$; exit $code';
  const words = ["--exec", exec, "--reject-on", "64", "--reject-on", "65", "--retry-ms", "250"];
  const working = work(words);
  await until(() => server.answers.length === 4);
  stop.abort();
  const got = await working;
  expect(server.answers).toEqual([
    { kind: "nack", receipt: "3/1", delayMs: 250, reason: "exit code 3: failed with 3" },
    { kind: "reject", receipt: "64/1", reason: "exit code 64: failed with 64" },
    { kind: "reject", receipt: "65/1", reason: "exit code 65: failed with 65" },
    { kind: "nack", receipt: "15/1", delayMs: 250, reason: "ended by SIGTERM: failed with 15" },
  ]);
  expect(got.stderr).toMatch(/^failed with 3\nvarve: q:0:0: exit code 3\n/);
  expect(got.stderr).toMatch(/done 0, to come again 2, given up 2, lost 0\n$/);
});

test("queue work: as many commands at once as asked for", async () => {
  server.put("a", "b", "c");
  const gate = join(folder, "gate");
  const exec = `read name; echo $name >> ${folder}/begun; until [ -e ${gate} ]; do sleep 0.01; done`;
  const working = work(["--exec", `${exec}; true`, "--concurrency", "2"]);
  const begun = (): readonly string[] => {
    try {
      return readFileSync(join(folder, "begun"), "utf8").trim().split("\n").sort();
    } catch {
      return [];
    }
  };
  await until(() => begun().length === 2);
  expect(begun()).toEqual(["a", "b"]);
  writeFileSync(gate, "");
  await until(() => server.answers.length === 3);
  expect(begun()).toEqual(["a", "b", "c"]);
  stop.abort();
  await working;
});

test("queue work: Ctrl-C lets the running command finish", async () => {
  server.put("a", "b");
  const gate = join(folder, "gate");
  const exec = `cat >&2; echo up; until [ -e ${gate} ]; do sleep 0.01; done; echo finished`;
  const { stdout, text } = heard();
  const working = work(["--exec", exec], { stdout });
  await until(() => text() === "up\n");
  stop.abort();
  writeFileSync(gate, "");
  expect((await working).code).toBe(130);
  expect(text()).toBe("up\nfinished\n");
  expect(server.said).toEqual(["ack a/1"]);
});

test("queue work --drain-ms: a command that goes on for longer is ended, its message given back", async () => {
  server.put("a");
  const { stdout, text } = heard();
  const working = work(["--exec", "echo up; sleep 600", "--drain-ms", "1"], { stdout });
  await until(() => text() === "up\n");
  stop.abort();
  const got = await working;
  expect(got.code).toBe(130);
  expect(server.answers).toEqual([{ kind: "nack", receipt: "a/1", delayMs: 0, reason: "" }]);
  expect(got.stderr).toMatch(/done 0, to come again 1, given up 0, lost 0\n/);
});

test("queue work: a reader of the output that has gone: ends the work quietly", async () => {
  server.put("a", "b");
  const stdout = new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error("gone"), { code: "EPIPE" }));
    },
  });
  const got = await work(["--exec", "echo y; echo y"], { stdout });
  expect(got.code).toBe(0);
  expect(server.answers.every(({ kind }) => kind !== "reject")).toBe(true);
});

test("queue work: no such queue, no server, no command: at once, with their exit codes", async () => {
  const unknown = await varve(["queue", "work", "other", "--exec", "true", "--url", server.url]);
  expect([unknown.code, unknown.stderr]).toEqual([
    1,
    "varve: QUEUE_NOT_FOUND happened (QUEUE_NOT_FOUND)\n",
  ]);
  const away = await varve(["queue", "work", "q", "--exec", "true", "--url", "http://127.0.0.1:9"]);
  expect(away.code).toBe(3);
  const nothing = await work([]);
  expect(nothing.code).toBe(2);
  expect(nothing.stderr).toMatch(/--exec <command>/);
});
