import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { settle } from "../support/fake-clock.ts";
import type { FakeQueue } from "../support/fake-queue.ts";
import { until } from "../support/until.ts";
import { Gate, WorkerWorld } from "../support/worker-world.ts";

let world: WorkerWorld;
let server: FakeQueue;

beforeEach(async () => {
  world = await WorkerWorld.start();
  server = world.server;
});

afterEach(() => world.stop());

describe("worker: stopping", () => {
  test("an open long poll is aborted; run resolves", async () => {
    const worker = world.worker({});
    const running = worker.run();
    await until(() => server.calls("receive").length === 1);
    await worker.stop();
    await running;
    expect(world.failures).toEqual([]);
  });

  test("running handlers finish and are settled; what was not begun is given back at once", async () => {
    server.put("a", "b", "c");
    const gate = new Gate();
    const worker = world.worker({ concurrency: 1, batch: 3, handler: gate.handler });
    worker.start();
    await until(() => gate.begun.length === 1);
    let isStopped = false;
    const stopping = worker.stop().then(() => {
      isStopped = true;
    });
    await until(() => server.answers.length === 2);
    expect(server.answers).toEqual([
      { kind: "nack", receipt: "b/1", delayMs: 0, reason: "" },
      { kind: "nack", receipt: "c/1", delayMs: 0, reason: "" },
    ]);
    expect(isStopped).toBe(false);
    gate.end("a");
    await stopping;
    expect(server.said.at(-1)).toBe("ack a/1");
    expect(gate.begun).toEqual(["a"]);
    expect(world.clock.timerCount).toBe(0);
  });

  test("while it drains: leases of running handlers are still extended", async () => {
    server.put("a");
    const gate = new Gate();
    const worker = world.worker({ handler: gate.handler });
    worker.start();
    await until(() => gate.begun.length === 1);
    const stopping = worker.stop();
    await world.clock.passUntil(() => server.said.length === 4, 1_000);
    expect(new Set(server.said)).toEqual(new Set(["extend a/1"]));
    gate.end("a");
    await stopping;
  });

  test("a reply that arrives after the wish to stop: its messages are given back", async () => {
    const release: (() => void)[] = [];
    server.spoilReply = ({ path }) => {
      if (!path.endsWith("receive")) return null;
      // The wish comes while the reply is on its way; by then it cannot be called back.
      return new Promise((resolve) => {
        release.push(() => resolve(null));
      });
    };
    server.put("a");
    const worker = world.worker({});
    worker.start();
    await until(() => release.length === 1);
    release[0]?.();
    const stopping = worker.stop();
    await stopping;
    // Either it was called back in time and nobody has it, or it came and was given back; it was never begun.
    expect(worker.counts.acked).toBe(0);
    expect(worker.counts.received).toBe(worker.counts.nacked);
  });

  test("a deadline: signals abort, messages are given back, and handlers that go on count no more", async () => {
    server.put("a", "b");
    const gate = new Gate();
    const worker = world.worker({ concurrency: 2, handler: gate.handler });
    const running = worker.run();
    await until(() => gate.begun.length === 2);
    const stopping = worker.stop({ deadlineMs: 5_000 });
    gate.end("b");
    await until(() => server.said.includes("ack b/1"));
    await world.clock.run(4_999);
    expect(gate.signals.get("a")?.aborted).toBe(false);
    world.clock.advance(1);
    await stopping;
    await running;
    expect(gate.signals.get("a")?.reason).toMatchObject({ code: "ABORTED" });
    expect(server.answers.at(-1)).toEqual({
      kind: "nack",
      receipt: "a/1",
      delayMs: 0,
      reason: "",
    });
    gate.end("a");
    await settle();
    expect(server.answers.length).toBe(2);
    expect(worker.counts).toMatchObject({ acked: 1, nacked: 1, lost: 0 });
  });

  test("the signal given: stops it, also before it has started", async () => {
    const stop = new AbortController();
    const running = world.worker({ signal: stop.signal }).run();
    await until(() => server.calls("receive").length === 1);
    stop.abort();
    await running;
    await world.worker({ signal: stop.signal }).run();
    expect(server.calls("receive").length).toBe(1);
  });

  test("closing the client: lets workers finish first", async () => {
    server.put("a");
    const gate = new Gate();
    world.worker({ handler: gate.handler }).start();
    await until(() => gate.begun.length === 1);
    const closing = world.client.close();
    gate.end("a");
    await closing;
    expect(server.said).toEqual(["ack a/1"]);
  });

  test("stop before start: it never works", async () => {
    const worker = world.worker({});
    await worker.stop();
    await worker.run();
    expect(server.requests).toEqual([]);
  });
});
