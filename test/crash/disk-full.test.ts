// A real file system that runs full under a real server. Needs the right to mount a tmpfs; says so where it is missing.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort, ServerProcess } from "../support/server-process.ts";

/** Mounts a tmpfs of that many MiB; null where this user may not. */
function smallFileSystem(mebibytes: number): string | null {
  const folder = mkdtempSync(join(tmpdir(), "varve-full-"));
  try {
    const options = ["-t", "tmpfs", "-o", `size=${mebibytes}M`, "tmpfs", folder];
    execFileSync("mount", options, { stdio: "ignore" });
    return folder;
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return null;
  }
}

interface Produced {
  readonly status: number;
  readonly body: { readonly code?: string; readonly results?: readonly { offset: number }[] };
}

async function produce(url: string, topic: string, text: string): Promise<Produced> {
  const response = await fetch(`${url}/v1/topics/${topic}/records`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ records: [{ text }] }),
  });
  return { status: response.status, body: (await response.json()) as Produced["body"] };
}

test("server: the disk runs full: 507, what was acknowledged stays, reads go on, room helps", async (context) => {
  const folder = smallFileSystem(16);
  if (folder === null) return context.skip("a tmpfs cannot be mounted by this user");
  onTestFinished(() => {
    execFileSync("umount", ["-l", folder], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  });
  const port = await freePort();
  // Without a reserve: this one is about the system's own refusal.
  const reserve = ["--disk-reserve-bytes", "0", "--disk-reserve-percent", "0"];
  const flags = ["--log-level", "error", ...reserve];
  let server = await ServerProcess.start({ dataDir: join(folder, "data"), port, flags });
  onTestFinished(async () => {
    await server.stop("SIGKILL");
  });
  const filler = "f".repeat(500_000);
  const acknowledged: string[] = [];
  let refused: Produced | null = null;
  for (let index = 0; index < 100 && refused === null; index++) {
    const text = `${index} ${filler}`;
    const answer = await produce(server.url, index % 2 === 0 ? "even" : "odd", text);
    if (answer.status === 200) acknowledged.push(text);
    else refused = answer;
  }
  expect(refused).toMatchObject({ status: 507, body: { code: "DISK_FULL", retriable: true } });
  expect(acknowledged.length).toBeGreaterThan(4);
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);

  await server.stop("SIGKILL");
  server = await ServerProcess.start({ dataDir: join(folder, "data"), port, flags }).catch(
    (cause: unknown) => {
      throw new Error("a full disk must not keep the server from starting", { cause });
    },
  );
  const read = async (topic: string): Promise<string[]> => {
    const path = `${server.url}/v1/topics/${topic}/partitions/0/records?maxBytes=33554432&as=text`;
    const body = (await (await fetch(path)).json()) as { records: { text: string }[] };
    return body.records.map((record) => record.text);
  };
  const found = [...(await read("even")), ...(await read("odd"))];
  for (const text of acknowledged) expect(found).toContain(text);

  const removed = await fetch(`${server.url}/v1/topics/odd`, { method: "DELETE" });
  expect(removed.status).toBe(204);
  let again = await produce(server.url, "even", filler);
  // Removal of the files follows the answer.
  for (let attempt = 0; attempt < 100 && again.status !== 200; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    again = await produce(server.url, "even", filler);
  }
  expect(again.status).toBe(200);
}, 60_000);

test("server: the reserve is reached: 507 with room left, readers commit, room helps", async (context) => {
  const folder = smallFileSystem(32);
  if (folder === null) return context.skip("a tmpfs cannot be mounted by this user");
  onTestFinished(() => {
    execFileSync("umount", ["-l", folder], { stdio: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  });
  const marks = ["--disk-warn-bytes", "16777216", "--disk-reserve-bytes", "8388608"];
  const server = await ServerProcess.start({
    dataDir: join(folder, "data"),
    port: await freePort(),
    flags: ["--log-level", "silent", ...marks],
  });
  onTestFinished(async () => {
    await server.stop("SIGKILL");
  });
  const filler = "f".repeat(500_000);
  let last = await produce(server.url, "orders", filler);
  let count = 0;
  for (; count < 100 && last.status === 200; count++) {
    last = await produce(server.url, "orders", filler);
  }
  expect(last).toMatchObject({ status: 507, body: { code: "DISK_FULL", retriable: true } });
  const { bavail, bsize } = statfsSync(folder);
  expect(bavail * bsize).toBeGreaterThan(6 << 20);
  expect((await fetch(`${server.url}/readyz`)).status).toBe(503);

  const poll = { topics: ["orders"], maxRecords: 2, sessionTimeoutMs: 10_000 };
  for (const _ of ["joins and reads", "commits what it read"]) {
    const answer = await fetch(`${server.url}/v1/groups/readers/poll`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...poll, member: "one" }),
    });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
  }
  const offsets = await (await fetch(`${server.url}/v1/groups/readers/offsets`)).json();
  expect(offsets).toMatchObject({ offsets: [{ committedOffset: 2 }] });

  const trimmed = await fetch(`${server.url}/v1/topics/orders`, { method: "DELETE" });
  expect(trimmed.status).toBe(204);
  let again = await produce(server.url, "events", "room");
  // Removal of the files follows the answer, and a look at the disk comes at most once a second.
  for (let attempt = 0; attempt < 200 && again.status !== 200; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    again = await produce(server.url, "events", "room");
  }
  expect(again.status).toBe(200);
}, 60_000);
