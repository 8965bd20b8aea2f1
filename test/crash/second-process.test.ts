import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cliPath, freePort, ServerProcess } from "../support/server-process.ts";

async function tryToServe(dataDir: string): Promise<{ code: number | null; stderr: string }> {
  const words = ["serve", "--port", "0", "--kafka-port", "0", "--data-dir", dataDir];
  const child = spawn(process.execPath, [cliPath, ...words], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stderr };
}

test("a second server on one directory: refused with one line; after kill -9 of the first, the next may", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-second-"));
  const first = await ServerProcess.start({ dataDir, port: await freePort() });
  const { code, stderr } = await tryToServe(dataDir);
  expect(code).toBe(1);
  expect(stderr).toBe(
    `varve: the lock is held by process ${first.child.pid}; one directory serves one process (KAFKA_STORAGE_ERROR)\n`,
  );
  expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  await first.stop("SIGKILL");
  const next = await ServerProcess.start({ dataDir, port: await freePort() });
  expect(await next.stop()).toBe(0);
  rmSync(dataDir, { recursive: true, force: true });
}, 60_000);
