import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { OutputClosed } from "../../src/cli/exit.ts";
import { Output } from "../../src/cli/output.ts";
import { settle } from "../support/fake-clock.ts";

test("output: a full stream: write waits until it has drained", async () => {
  const held: (() => void)[] = [];
  const stream = new Writable({
    highWaterMark: 2,
    write: (_chunk, _encoding, done) => held.push(done),
  });
  const output = new Output(stream);
  let isDone = false;
  const writing = output.write("abc").then(() => {
    isDone = true;
  });
  await settle();
  expect(isDone).toBe(false);
  held[0]?.();
  await writing;
});

test.each([["EPIPE"], ["ERR_STREAM_DESTROYED"]])(
  "output: a reader that has gone (%s): OutputClosed, now and later",
  async (code) => {
    const failure = Object.assign(new Error("gone"), { code });
    const stream = new Writable({
      highWaterMark: 1,
      write: (_chunk, _encoding, done) => done(failure),
    });
    const output = new Output(stream);
    await expect(output.write("abc")).rejects.toBeInstanceOf(OutputClosed);
    await expect(output.line("more")).rejects.toBeInstanceOf(OutputClosed);
    await expect(output.flush()).rejects.toBeInstanceOf(OutputClosed);
  },
);

test("output: a full disk: the error itself", async () => {
  const failure = Object.assign(new Error("no space left"), { code: "ENOSPC" });
  const stream = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => done(failure),
  });
  await expect(new Output(stream).write("abc")).rejects.toBe(failure);
});

test("output: flush: resolves when the system has taken everything", async () => {
  const taken: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      setImmediate(() => {
        taken.push(chunk.toString());
        done();
      });
    },
  });
  const output = new Output(stream);
  await output.write("a");
  await output.write("b");
  await output.flush();
  expect(taken.join("")).toBe("ab");
});
