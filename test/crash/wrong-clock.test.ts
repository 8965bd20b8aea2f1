// A real server under a clock that is ten years ahead. Needs libfaketime; says so where it is missing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort, ServerProcess } from "../support/server-process.ts";
import { fakeTime } from "./clocks/fake-time.ts";

test("server: started ten years ahead: nothing is removed by age, and it is said", async (context) => {
  const found = fakeTime();
  if ("missing" in found) return context.skip(found.missing);
  const dataDir = mkdtempSync(join(tmpdir(), "varve-clock-"));
  let server: ServerProcess | null = null;
  onTestFinished(async () => {
    await server?.stop("SIGKILL");
    rmSync(dataDir, { recursive: true, force: true });
  });
  const flags = ["--log-level", "error", "--retention-check-interval-ms", "50"];
  server = await ServerProcess.start({ dataDir, port: await freePort(), flags });
  const json = { "content-type": "application/json" };
  const config = { "segment.bytes": "1024", "file.delete.delay.ms": "0" };
  const create = { method: "PUT", headers: json, body: JSON.stringify({ partitions: 1, config }) };
  expect((await fetch(`${server.url}/v1/topics/orders`, create)).status).toBe(201);
  for (let count = 0; count < 3; count++) {
    const body = JSON.stringify({ records: [{ text: "x".repeat(700) }] });
    const path = `${server.url}/v1/topics/orders/records`;
    expect((await fetch(path, { method: "POST", headers: json, body })).status).toBe(200);
  }
  const startOf = async (url: string): Promise<number | undefined> => {
    const topic = await (await fetch(`${url}/v1/topics/orders`)).json();
    return (topic as { partitions: { logStartOffset: number }[] }).partitions[0]?.logStartOffset;
  };
  expect(await server.stop()).toBe(0);

  const fake = { LD_PRELOAD: found.tool, FAKETIME: "+3650d", FAKETIME_DONT_FAKE_MONOTONIC: "1" };
  const assignments = Object.entries(fake).map(([name, value]) => `${name}=${value}`);
  const nodeFlags = [...assignments, process.execPath];
  const port = await freePort();
  server = await ServerProcess.start({ dataDir, port, flags, node: "/usr/bin/env", nodeFlags });
  // Some rounds of retention.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const ready = await fetch(`${server.url}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([
    200,
    { warnings: [expect.stringMatching(/wall clock is \d{12} ms ahead/)] },
  ]);
  expect(await startOf(server.url)).toBe(0);
}, 60_000);
