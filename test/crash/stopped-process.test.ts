import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { freePort, ServerProcess } from "../support/server-process.ts";

const pauseMs = 2500;

interface Reply {
  readonly status: number;
  // The tests look into it by name and let the comparison judge the shape.
  readonly body: ReturnType<typeof JSON.parse>;
}

async function ask(url: string, path: string, body?: object): Promise<Reply> {
  const init =
    body === undefined
      ? {}
      : {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        };
  const response = await fetch(url + path, init);
  return { status: response.status, body: await response.json() };
}

test("server: stopped for longer than sessions and leases, then let go on", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-stopped-"));
  const flags = ["--log-level", "error", "--group-initial-rebalance-delay-ms", "0"];
  const server = await ServerProcess.start({ dataDir, port: await freePort(), flags });
  const { url } = server;
  onTestFinished(async () => {
    await server.stop("SIGKILL");
    rmSync(dataDir, { recursive: true, force: true });
  });
  const records = Array.from({ length: 20 }, (_, index) => ({ text: `record ${index}` }));
  expect((await ask(url, "/v1/topics/orders/records", { records })).status).toBe(200);
  const poll = (member: string) =>
    ask(url, "/v1/groups/readers/poll", {
      member,
      topics: ["orders"],
      maxRecords: 5,
      sessionTimeoutMs: 2000,
    });
  expect((await poll("one")).body.records).toHaveLength(5);
  expect((await poll("one")).body.records).toHaveLength(5);
  const put = { method: "PUT", headers: { "content-type": "application/json" } };
  await fetch(`${url}/v1/queues/jobs`, { ...put, body: JSON.stringify({ leaseMs: 2000 }) });
  await ask(url, "/v1/queues/jobs/messages", { records: [{ text: "held" }, { text: "acked" }] });
  const held = await ask(url, "/v1/queues/jobs/receive", { max: 2, waitMs: 1000 });
  const [lapses, stays] = held.body.messages as { receipt: string }[];
  const acked = await ask(url, "/v1/queues/jobs/settle", { ack: [stays?.receipt] });
  expect(acked.body.results).toMatchObject([{ ok: true }]);

  server.child.kill("SIGSTOP");
  // Sent into the silence: it is answered, or not, when the server goes on.
  const sent = ask(url, "/v1/topics/orders/records", { records: [{ text: "meanwhile" }] });
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  server.child.kill("SIGCONT");
  expect((await sent).body.results).toEqual([{ partition: 0, offset: 20 }]);

  const read = await ask(url, "/v1/topics/orders/partitions/0/records");
  const texts = (read.body.records as { text: string }[]).map(({ text }) => text);
  expect(texts).toEqual([...records.map(({ text }) => text), "meanwhile"]);

  // The lease is over: whoever asks is given the message once more, and the old receipt is worth nothing.
  const again = await ask(url, "/v1/queues/jobs/receive", { max: 2, waitMs: 5000 });
  expect(again.body.messages).toMatchObject([{ text: "held", deliveries: 2 }]);
  const late = await ask(url, "/v1/queues/jobs/settle", { ack: [lapses?.receipt] });
  expect(late.body.results).toMatchObject([{ ok: false, code: "INVALID_RECORD_STATE" }]);
  const receipt = (again.body.messages as { receipt: string }[])[0]?.receipt;
  const settled = await ask(url, "/v1/queues/jobs/settle", { ack: [receipt] });
  expect(settled.body.results).toMatchObject([{ ok: true }]);

  // The session may be over as well: another member goes on where the group had committed.
  const offsets = await ask(url, "/v1/groups/readers/offsets");
  expect(offsets.body.offsets).toMatchObject([{ committedOffset: 5 }]);
  let next = await poll("two");
  const firstOf = (reply: Reply): number | undefined => reply.body.records?.[0]?.offset;
  for (let tries = 0; tries < 200 && firstOf(next) === undefined; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    next = await poll("two");
  }
  expect(firstOf(next)).toBe(5);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  expect(server.child.exitCode).toBeNull();
}, 60_000);
