// A real file system that runs full under a real server. Needs the right to mount a tmpfs; says so where it is missing.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
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
  const flags = ["--log-level", "error", "--disk-reserve-bytes", "0"];
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
