// The package as its users see it: the engine in a program, and the client against a server that is killed.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { liveServer, type LiveServer } from "../support/live-server.ts";
import { cliPath, freePort, ServerProcess } from "../support/server-process.ts";
import { projectRoot } from "../support/source-tree.ts";
import { until } from "../support/until.ts";

let dataDir = "";
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "varve-embedded-"));
});
afterAll(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

// By the package's own name, so that its export map is what is tested; needs `npm run build`.
test.skipIf(!existsSync(cliPath))(
  "the package: its engine opens, appends, reads and closes, and the process ends",
  () => {
    const program = `
    import { openEngine } from "varve";
    import { createClient } from "varve/client";
    const engine = await openEngine({ path: ${JSON.stringify(join(dataDir, "engine"))} });
    const { topics, data } = engine.services;
    await topics.create({ name: "t", partitionCount: 1, configs: {}, validateOnly: false });
    const ask = { maxWaitMs: 0, minBytes: 0, maxBytes: 1e6, isolation: "read_uncommitted", signal: null };
    const fetched = await data.fetch({ ...ask, partitions: [{ topic: "t", partition: 0, fetchOffset: 0, maxBytes: 1e6 }] });
    fetched.release();
    await engine.close();
    await createClient({ url: "http://127.0.0.1:9" }).close();
    console.log(JSON.stringify([fetched.partitions[0].error, fetched.partitions[0].highWatermark]));
  `;
    const run = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      cwd: projectRoot,
      encoding: "utf8",
      timeout: 20_000,
    });
    expect([run.status, run.stderr, run.stdout.trim()]).toEqual([0, "", "[null,0]"]);
  },
);

test("client: produce, read, follow and a group, over a real server", async () => {
  const server: LiveServer = await liveServer();
  const client = createClient({ url: server.url });
  await client.topics.create("t", { partitions: 2 });
  const producer = client.producer({ topic: "t" });
  const sent = Array.from({ length: 500 }, (_each, index) => `value ${index}`);
  await Promise.all(sent.map((value, index) => producer.send({ key: `k${index % 7}`, value })));
  const read: string[] = [];
  for await (const record of client.consume({ topic: "t", from: "earliest", follow: false })) {
    read.push(Buffer.from(record.value ?? []).toString());
  }
  expect(read.toSorted()).toEqual(sent.toSorted());
  const worked = new Set<string>();
  const work = async (name: string) => {
    const consumer = client.consumer({ group: "g", topics: ["t"], member: name, waitMs: 100 });
    for await (const record of consumer) {
      worked.add(Buffer.from(record.value ?? []).toString());
      if (worked.size === sent.length) break;
    }
  };
  await Promise.race([work("a"), work("b")]);
  expect([...worked].toSorted()).toEqual(sent.toSorted());
  await client.close();
  expect(await server.failures()).toBe(0);
  await server.close();
});

test.skipIf(!existsSync(cliPath))(
  "client: the server is killed in between: what was acknowledged is read, nothing is skipped",
  async () => {
    const port = await freePort();
    const options = { dataDir: join(dataDir, "killed"), port, flags: ["--log-level", "warn"] };
    let server = await ServerProcess.start(options);
    const client = createClient({ url: server.url, backoffMs: 20 });
    await client.topics.create("t", { partitions: 2 });
    const acknowledged = new Set<string>();
    const worked = new Set<string>();
    let isDone = false;
    const producing = (async () => {
      for (let index = 0; !isDone; index++) {
        const value = `value ${index}`;
        const sent = client.produce({ topic: "t", records: [{ value }], retryUnknown: true });
        await sent.then(
          () => acknowledged.add(value),
          () => undefined,
        );
      }
    })();
    const stop = new AbortController();
    const working = (async () => {
      const consumer = client.consumer({
        group: "g",
        topics: ["t"],
        waitMs: 200,
        sessionTimeoutMs: 2000,
        signal: stop.signal,
      });
      for await (const record of consumer) worked.add(Buffer.from(record.value ?? []).toString());
    })();
    for (let kill = 0; kill < 2; kill++) {
      const before = acknowledged.size;
      await until(() => acknowledged.size > before + 30);
      await server.stop("SIGKILL");
      server = await ServerProcess.start(options);
    }
    const before = acknowledged.size;
    await until(() => acknowledged.size > before + 10);
    isDone = true;
    await producing;
    await until(() => [...acknowledged].every((value) => worked.has(value)));
    stop.abort();
    await working;
    await client.close();
    await server.stop();
  },
  60_000,
);
