// What is not records when a real file system runs full: commits, queues, topics. Needs the right to mount a tmpfs.

import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort, ServerProcess } from "../support/server-process.ts";
import { callHttp, committedOffsets, Refused } from "./server-calls.ts";

/** Mounts a tmpfs until the test ends; null where this user may not. */
function mountedFolder(options: string): string | null {
  const folder = mkdtempSync(join(tmpdir(), "varve-full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return null;
  }
  onTestFinished(() => {
    execFileSync("umount", ["-l", folder], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

async function served(folder: string): Promise<{ url: string; restart: () => Promise<void> }> {
  const start = {
    dataDir: join(folder, "data"),
    port: await freePort(),
    flags: ["--log-level", "error", "--disk-reserve-bytes", "0"],
  };
  let server = await ServerProcess.start(start);
  onTestFinished(async () => {
    await server.stop("SIGKILL");
  });
  const restart = async (): Promise<void> => {
    await server.stop("SIGKILL");
    server = await ServerProcess.start(start);
  };
  return { url: server.url, restart };
}

/** Writes a file that takes what room there is, to the last block. */
function takeAllRoom(path: string): void {
  const file = openSync(path, "w");
  for (const bytes of [65_536, 4096]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(bytes, 1));
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOSPC") throw error;
    }
  }
  closeSync(file);
}

/** The status of a call: 200 when it was not refused. */
async function statusOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 200;
  } catch (error) {
    if (error instanceof Refused) return error.status;
    throw error;
  }
}

/** Calls until it is not refused for lack of room: files of what was deleted go after the answer. */
async function once(call: () => Promise<unknown>): Promise<unknown> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 507 || attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

test("a full disk: commits and acks are refused or kept, and go on with room", async (context) => {
  const folder = mountedFolder("size=16M");
  if (folder === null) return context.skip("a tmpfs cannot be mounted by this user");
  const { url, restart } = await served(folder);
  const send = (records: readonly { text: string }[]) =>
    callHttp(url, "POST /v1/queues/jobs/messages", { records });
  const commit = (offset: number) => {
    const offsets = [{ topic: "read", partition: 0, offset }];
    return callHttp(url, "POST /v1/groups/readers/commit", { offsets });
  };
  await callHttp(url, "PUT /v1/topics/read", { partitions: 1 });
  await callHttp(url, "PUT /v1/queues/jobs", { leaseMs: 60_000 });
  await send(["a", "b", "c"].map((text) => ({ text })));
  const received = await callHttp(url, "POST /v1/queues/jobs/receive", { max: 1, waitMs: 0 });
  const { messages } = received as { messages: readonly { receipt: string; text: string }[] };
  await commit(1);

  const ballast = join(folder, "ballast");
  takeAllRoom(ballast);
  const ack = { ack: messages.map(({ receipt }) => receipt), nack: [], reject: [] };
  const settle = () => callHttp(url, "POST /v1/queues/jobs/settle", ack);
  // Logs have some room of their own, so that these may still find theirs.
  let status = 200;
  let more = 0;
  for (; more < 10 && status === 200; more++) {
    status = await statusOf(send([{ text: "d".repeat(300_000) }]));
  }
  expect(status).toBe(507);
  const outcomes = [await statusOf(commit(2)), await statusOf(settle())];
  for (const outcome of outcomes) expect([200, 507]).toContain(outcome);
  expect((await fetch(`${url}/livez`)).status).toBe(200);

  rmSync(ballast);
  await once(() => send([{ text: "e" }]));
  if (outcomes[1] !== 200) await once(settle);
  await once(() => commit(3));
  await once(() => callHttp(url, "PUT /v1/topics/small", { partitions: 1 }));
  await restart();
  const { depth } = (await callHttp(url, "GET /v1/queues/jobs")) as { depth: number };
  // Of a, b, c and the large ones that were taken, one was settled; then came e.
  expect(depth).toBe(2 + (more - 1) + 1);
  expect((await committedOffsets(url, "readers")).get(0)).toBe(3);
}, 60_000);

test("no room for a directory: the topic is refused, the others stay, and room helps", async (context) => {
  const folder = mountedFolder("size=32M,nr_inodes=80");
  if (folder === null) return context.skip("a tmpfs cannot be mounted by this user");
  const { url, restart } = await served(folder);
  const create = (name: string) => callHttp(url, `PUT /v1/topics/${name}`, { partitions: 3 });
  const made: string[] = [];
  let status = 200;
  for (let index = 0; index < 40 && status === 200; index++) {
    status = await statusOf(create(`t${index}`));
    if (status === 200) made.push(`t${index}`);
  }
  expect(status).toBe(507);
  expect(made.length).toBeGreaterThan(1);
  const names = async (): Promise<readonly string[]> => {
    const { topics } = (await callHttp(url, "GET /v1/topics")) as { topics: { name: string }[] };
    return topics.map(({ name }) => name).filter((name) => name.startsWith("t"));
  };
  expect([...(await names())].sort()).toEqual([...made].sort());
  expect((await fetch(`${url}/livez`)).status).toBe(200);

  await restart();
  expect([...(await names())].sort()).toEqual([...made].sort());
  for (const name of made.slice(0, 2)) await callHttp(url, `DELETE /v1/topics/${name}`);
  await once(() => create("again"));
  await callHttp(url, "POST /v1/topics/again/records", { records: [{ text: "x" }] });
}, 60_000);
