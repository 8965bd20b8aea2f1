import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient, Rejection, RetryLater } from "../../src/client/client.ts";
import { settle } from "../support/fake-clock.ts";
import { FakeHttpServer, problem } from "../support/fake-http-server.ts";
import { type FakeQueue, isSettling } from "../support/fake-queue.ts";
import { until } from "../support/until.ts";
import { Gate, textOf, WorkerWorld } from "../support/worker-world.ts";

let world: WorkerWorld;
let server: FakeQueue;

beforeEach(async () => {
  world = await WorkerWorld.start();
  server = world.server;
});

afterEach(() => world.stop());

const stages = () =>
  world.failures.map(({ stage, error }) => `${stage}: ${(error as Error).message}`);

describe("worker: handling", () => {
  test("each message once: returns ack, errors nack with their reason, rejections reject", async () => {
    server.put("good", "bad", "busy", "never");
    const worker = world.worker({
      concurrency: 4,
      handler: (message) => {
        const name = textOf(message);
        if (name === "bad") throw new Error("no stock");
        if (name === "busy") throw new RetryLater(1_500, "later");
        if (name === "never") throw new Rejection("malformed");
      },
    });
    worker.start();
    await until(() => server.answers.length === 4);
    expect(server.answers).toEqual([
      { kind: "ack", receipt: "good/1" },
      { kind: "nack", receipt: "bad/1", reason: "no stock" },
      { kind: "nack", receipt: "busy/1", reason: "later", delayMs: 1_500 },
      { kind: "reject", receipt: "never/1", reason: "malformed" },
    ]);
    await worker.stop();
    expect(worker.counts).toEqual({ received: 4, acked: 1, nacked: 2, rejected: 1, lost: 0 });
    expect(world.failures.map(({ stage, message }) => [stage, message?.receipt])).toEqual([
      ["handler", "bad/1"],
      ["handler", "busy/1"],
      ["handler", "never/1"],
    ]);
    // What came together was settled together.
    expect(server.settling.length).toBe(1);
  });

  test("the worker's backoff: a number, or by message; one that throws or says nonsense is the queue's", async () => {
    server.put("a", "b", "c");
    const worker = world.worker({
      concurrency: 3,
      handler: () => {
        throw new Error("x");
      },
      backoff: (message) => {
        if (textOf(message) === "a") return 40;
        if (textOf(message) === "b") return -1;
        throw new Error("backoff failed");
      },
    });
    worker.start();
    await until(() => server.answers.length === 3);
    expect(server.answers.map(({ delayMs }) => delayMs)).toEqual([40, undefined, undefined]);
    expect(stages()).toContain("handler: backoff failed");
    await worker.stop();
  });

  test("concurrency: as many at once, the next when one ends; receives up to the free slots", async () => {
    server.put("a", "b", "c", "d", "e");
    const gate = new Gate();
    const worker = world.worker({ concurrency: 2, handler: gate.handler });
    worker.start();
    await until(() => gate.begun.length === 2);
    await settle();
    expect(gate.begun).toEqual(["a", "b"]);
    expect(server.calls("receive").length).toBe(1);
    for (const name of ["b", "a", "c", "d", "e"]) {
      await until(() => gate.begun.includes(name));
      gate.end(name);
    }
    await until(() => server.answers.length === 5);
    expect(gate.most).toBe(2);
    expect(server.calls("receive").map(({ body }) => (body as { max: number }).max)[0]).toBe(2);
    await worker.stop();
  });

  test("an answer and the next receive go in one call; without a message the worker waits for one", async () => {
    server.put("a", "b", "c");
    const worker = world.worker({ concurrency: 1 });
    worker.start();
    await until(() => worker.counts.acked === 3);
    await until(() => server.calls("receive").length === 5);
    expect(server.calls("settle")).toEqual([]);
    const asked = server.calls("receive").map(({ body }) => body as Record<string, unknown>);
    expect(asked.map(({ settle: said }) => said)).toEqual([
      undefined,
      { ack: ["a/1"] },
      { ack: ["b/1"] },
      { ack: ["c/1"] },
      undefined,
    ]);
    expect(asked.map(({ waitMs }) => waitMs !== undefined)).toEqual([
      true,
      false,
      false,
      false,
      true,
    ]);
    await worker.stop();
  });

  test("what an answer's call brings while the worker stops: is given back", async () => {
    server.put("a", "b");
    const gate = new Gate();
    const worker = world.worker({ concurrency: 1, handler: gate.handler });
    worker.start();
    await until(() => gate.begun.length === 1);
    let goOn = (): void => undefined;
    server.spoilReply = async (request) => {
      if (isSettling(request)) await new Promise<void>((resolve) => (goOn = resolve));
      return null;
    };
    gate.end("a");
    await until(() => server.settling.length === 1);
    const stopping = worker.stop();
    server.spoilReply = () => null;
    goOn();
    await stopping;
    expect(gate.begun).toEqual(["a"]);
    expect(server.answers).toMatchObject([
      { kind: "ack", receipt: "a/1" },
      { kind: "nack", receipt: "b/1" },
    ]);
  });

  test("a batch beyond the concurrency: waits here for its turn, its leases kept up", async () => {
    server.put("a", "b", "c");
    const gate = new Gate();
    const worker = world.worker({ concurrency: 1, batch: 3, handler: gate.handler });
    worker.start();
    await until(() => gate.begun.length === 1);
    expect(worker.counts.received).toBe(3);
    await world.clock.passUntil(() => server.answers.length === 3, 1_000);
    expect(server.said.slice(0, 3)).toEqual(["extend a/1", "extend b/1", "extend c/1"]);
    expect(server.settling.length).toBe(1);
    server.lapse("b/1");
    await world.clock.passUntil(() => worker.counts.lost === 1, 1_000);
    gate.end("a");
    await until(() => gate.begun.length === 2);
    expect(gate.begun).toEqual(["a", "c"]);
    gate.end("c");
    await worker.stop();
  });

  test.each([[{ concurrency: 0 }], [{ batch: 1.5 }], [{ leaseMs: -1 }]])(
    "%j: is refused",
    (options) => {
      expect(() => world.worker(options)).toThrow(/whole number from 1/);
    },
  );
});

describe("worker: leases", () => {
  test("while a handler runs: extended by the queue's lease, long before it is over", async () => {
    server.leaseMs = 9_000;
    server.put("a");
    const gate = new Gate();
    const worker = world.worker({ handler: gate.handler });
    worker.start();
    await until(() => gate.begun.length === 1);
    expect(server.calls("receive")[0]?.body).toMatchObject({ leaseMs: 9_000 });
    const startMs = world.clock.monotonicMs();
    for (const round of [1, 2, 3, 4]) {
      await world.clock.passUntil(() => server.answers.length === round, 100);
      expect(world.clock.monotonicMs() - startMs).toBeLessThan(round * 4_000);
    }
    expect(gate.signals.get("a")?.aborted).toBe(false);
    gate.end("a");
    await until(() => server.said.at(-1) === "ack a/1");
    await worker.stop();
    expect(world.failures).toEqual([]);
  });

  test("a lease given: is asked for, and the queue's is not looked up", async () => {
    server.put("a");
    const worker = world.worker({ leaseMs: 1_234 });
    worker.start();
    await until(() => worker.counts.acked === 1);
    expect(server.requests[0]?.body).toMatchObject({ leaseMs: 1_234 });
    await worker.stop();
  });

  test("an extension refused: aborts the handler's signal; its end says nothing any more", async () => {
    server.put("a");
    const gate = new Gate();
    const worker = world.worker({ handler: gate.handler });
    worker.start();
    await until(() => gate.begun.length === 1);
    server.lapse("a/1");
    const first = gate.signals.get("a");
    await world.clock.passUntil(() => first?.aborted === true, 1_000);
    expect(first?.reason).toMatchObject({ code: "INVALID_RECORD_STATE" });
    expect(world.failures).toMatchObject([{ stage: "lease", message: { receipt: "a/1" } }]);
    gate.end("a");
    // It is delivered again, to this worker, and that delivery counts.
    await until(() => gate.begun.length === 2);
    gate.end("a");
    await until(() => worker.counts.acked === 1);
    expect(server.refused).toEqual(["a/1"]);
    expect(server.said.at(-1)).toBe("ack a/2");
    await worker.stop();
  });

  test("a server away for longer than the lease: the signal aborts by this side's clock", async () => {
    server.put("a");
    const gate = new Gate();
    const worker = world.worker({ handler: gate.handler });
    worker.start();
    await until(() => gate.begun.length === 1);
    server.spoil = () => "break";
    const startMs = world.clock.monotonicMs();
    await world.clock.passUntil(() => gate.signals.get("a")?.aborted === true, 100);
    expect(world.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(29_000);
    expect(worker.counts.lost).toBe(1);
    gate.end("a");
    server.spoil = () => null;
    let isStopped = false;
    const stopping = worker.stop().then(() => {
      isStopped = true;
    });
    await world.clock.passUntil(() => isStopped);
    await stopping;
  });

  test("an ack refused: is reported, and the message counts as lost", async () => {
    server.put("a");
    const gate = new Gate();
    const worker = world.worker({ handler: gate.handler });
    worker.start();
    await until(() => gate.begun.length === 1);
    server.lapse("a/1");
    gate.end("a");
    await until(() => gate.begun.length === 2 && worker.counts.lost === 1);
    expect(worker.counts.acked).toBe(0);
    expect(world.failures.map(({ stage }) => stage)).toEqual(["lease"]);
    gate.end("a");
    await worker.stop();
  });

  test("answers that the server does not take: the worker does not run ahead of them", async () => {
    server.put(...Array.from({ length: 40 }, (_, index) => String(index)));
    server.spoil = (request) => (isSettling(request) ? "break" : null);
    const worker = world.worker({ concurrency: 2 });
    worker.start();
    await world.clock.passUntil(() => server.settling.length === 6);
    // Those that wait for an answer, and those of the receive that came before it was seen.
    expect(worker.counts.received).toBeLessThanOrEqual(4 * 2 + 2 * 2);
    server.spoil = () => null;
    await world.clock.passUntil(() => worker.counts.acked === 40);
    await worker.stop();
  });

  test("an ack whose reply was lost: counts once, and nothing is reported as lost", async () => {
    server.put("a");
    let spoilt = 0;
    server.spoilReply = (request) => (isSettling(request) && spoilt++ < 1 ? "break" : null);
    const worker = world.worker({});
    worker.start();
    await world.clock.passUntil(() => worker.counts.acked === 1);
    expect(world.failures.map(({ stage }) => stage)).toEqual(["settle"]);
    await worker.stop();
    expect(worker.counts).toEqual({ received: 1, acked: 1, nacked: 0, rejected: 0, lost: 0 });
  });
});

describe("worker: failures", () => {
  test("a server away: goes on with growing pauses, and works when it is back", async () => {
    server.put("a");
    server.spoil = () => "break";
    const worker = world.worker({});
    worker.start();
    await world.clock.run(0);
    const startMs = world.clock.monotonicMs();
    await world.clock.passUntil(() => world.failures.length === 6, 10);
    // 50, 100, 200, 400, 800 ms lie between six attempts.
    expect(world.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(1_550 - 10);
    server.spoil = () => null;
    await world.clock.passUntil(() => worker.counts.acked === 1);
    expect(new Set(world.failures.map(({ stage }) => stage))).toEqual(new Set(["receive"]));
    await worker.stop();
  });

  test("a server that answers at once with nothing: is not asked in a fast loop", async () => {
    server.spoil = ({ path }) =>
      path.endsWith("receive") ? { status: 200, body: { messages: [] } } : null;
    const worker = world.worker({});
    worker.start();
    await until(() => server.calls("receive").length === 1);
    await settle(50);
    expect(server.calls("receive").length).toBe(1);
    await world.clock.passUntil(() => server.calls("receive").length === 3, 10);
    await worker.stop();
  });

  test("no such queue: run rejects, start only tells", async () => {
    await expect(world.worker({ queue: "other" }).run()).rejects.toMatchObject({
      code: "QUEUE_NOT_FOUND",
    });
    expect(world.failures).toMatchObject([
      { stage: "receive", error: { code: "QUEUE_NOT_FOUND" } },
    ]);
    const worker = world.worker({ queue: "other" });
    worker.start();
    await until(() => world.failures.length === 2);
    await worker.stop();
  });

  test("a queue that is deleted while it works: running handlers finish, then run rejects", async () => {
    server.put("a");
    const gate = new Gate();
    const worker = world.worker({ concurrency: 2, handler: gate.handler });
    const running = worker.run();
    running.catch(() => undefined);
    await until(() => gate.begun.length === 1);
    server.spoil = (request) => (isSettling(request) ? null : problem(404, "QUEUE_NOT_FOUND"));
    server.put("b");
    await until(() => server.calls("receive").length >= 2);
    gate.end("a");
    gate.end("b");
    await until(() => worker.counts.acked >= 1);
    await until(() => gate.begun.length === 1 || gate.begun.length === 2);
    gate.end("b");
    await expect(running).rejects.toMatchObject({ code: "QUEUE_NOT_FOUND" });
  });

  test("a reply that makes no sense: ends the work by name", async () => {
    server.spoil = () => ({ status: 200, body: { leaseMs: 5 } });
    await expect(world.worker({}).run()).rejects.toMatchObject({ code: "BAD_REPLY" });
  });

  test("a listener that throws: does not end the work", async () => {
    server.put("a", "b");
    const worker = world.worker({
      handler: (message) => {
        if (textOf(message) === "a") throw new Error("x");
      },
      onFailure: () => {
        throw new Error("listener");
      },
    });
    worker.start();
    await until(() => worker.counts.acked === 1);
    await worker.stop();
    expect(worker.counts.nacked).toBe(1);
  });

  test("another server under the same address: what it says is told", async () => {
    const other = await FakeHttpServer.start(() => problem(403, "TOPIC_AUTHORIZATION_FAILED"));
    const stranger = createClient({ url: other.url, retriesMax: 0 });
    await expect(
      stranger.worker({ queue: "q", handler: () => undefined }).run(),
    ).rejects.toMatchObject({ status: 403 });
    await stranger.close();
    await other.stop();
  });
});
