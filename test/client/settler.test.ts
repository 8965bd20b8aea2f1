import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { VarveError } from "../../src/client/errors.ts";
import type { Answer } from "../../src/client/handling.ts";
import { HeldMessage } from "../../src/client/held-message.ts";
import { HttpTransport } from "../../src/client/http-transport.ts";
import type { QueueMessage } from "../../src/client/messages.ts";
import { QueuesClient } from "../../src/client/queues-client.ts";
import { asReplyError, isPassing, Settler } from "../../src/client/settler.ts";
import { seededRandom } from "../../src/base/random.ts";
import { problem } from "../support/fake-http-server.ts";
import { FakeQueue } from "../support/fake-queue.ts";
import { until } from "../support/until.ts";
import { CallClock, callMs } from "../support/worker-world.ts";

let server: FakeQueue;
let clock: CallClock;
let transport: HttpTransport;
let queues: QueuesClient;
let told: string[];

beforeEach(async () => {
  server = await FakeQueue.start();
  clock = new CallClock();
  told = [];
  transport = new HttpTransport({
    url: server.url,
    timeoutMs: callMs,
    retriesMax: 0,
    backoffMs: 1,
    backoffMsMax: 1,
    connectionsMax: 8,
    clientId: "test",
    clock,
    random: seededRandom(1),
  });
  queues = new QueuesClient(transport);
});

afterEach(async () => {
  await transport.close();
  await server.stop();
});

const settlerOn = (queue = "q") =>
  new Settler({
    clock,
    settle: (request, signal) => queues.settle(queue, request, { retryUnknown: false, signal }),
    onSettled: (held, answer) => {
      held.close();
      told.push(`${answer.kind} ${held.message.receipt}`);
    },
    onLost: (held, error) => {
      held.close();
      told.push(`lost ${held.message.receipt}: ${error.code}`);
    },
    onFailure: (error) => told.push(error.code),
  });

/** Receives all that the queue has. */
const receive = async (leaseMs = 30_000): Promise<HeldMessage[]> => {
  const messages: readonly QueueMessage[] = await queues.receive("q", { max: 1_000 });
  const events = { onDue: () => undefined, onOver: () => undefined };
  return messages.map((message) => new HeldMessage(message, { leaseMs, clock, events }));
};

const settles = () => server.calls("settle").map(({ body }) => body);
const ack: Answer = { kind: "ack" };

describe("settler: calls", () => {
  test("what is ready in one turn: goes in one call, each kind in its place", async () => {
    server.put("a", "b", "c", "d", "e");
    const [a, b, c, d, e] = (await receive()) as [HeldMessage, ...HeldMessage[]] & HeldMessage[];
    const settler = settlerOn();
    settler.answer(a, ack);
    settler.answer(b as HeldMessage, { kind: "nack", delayMs: null, reason: "r" });
    await Promise.resolve();
    settler.answer(c as HeldMessage, { kind: "nack", delayMs: 7, reason: "" });
    settler.answer(d as HeldMessage, { kind: "reject", reason: "bad" });
    settler.extend(e as HeldMessage);
    await settler.drained();
    expect(settles()).toEqual([
      {
        ack: ["a/1"],
        nack: [
          { receipt: "b/1", reason: "r" },
          { receipt: "c/1", delayMs: 7, reason: "" },
        ],
        reject: [{ receipt: "d/1", reason: "bad" }],
        extend: [{ receipt: "e/1", leaseMs: 30_000 }],
      },
    ]);
    expect(told).toEqual(["ack a/1", "nack b/1", "nack c/1", "reject d/1"]);
    expect(e?.isOpen).toBe(true);
  });

  test("while a call is under way: the next gathers; 500 in one at most", async () => {
    server.put(...Array.from({ length: 603 }, (_, index) => String(index)));
    const [first, second, ...others] = await receive();
    const settler = settlerOn();
    settler.answer(first as HeldMessage, ack);
    await until(() => settles().length === 1);
    settler.answer(second as HeldMessage, ack);
    for (const held of others) settler.answer(held, ack);
    expect(settler.size).toBe(602);
    await settler.drained();
    const sizes = (settles() as { ack: readonly string[] }[]).map((body) => body.ack.length);
    expect(sizes).toEqual([1, 500, 102]);
    expect(told.length).toBe(603);
  });

  test("an answer before the extension was sent: takes its place", async () => {
    server.put("a");
    const [a] = (await receive()) as [HeldMessage];
    const settler = settlerOn();
    settler.extend(a);
    settler.answer(a, ack);
    settler.extend(a);
    await settler.drained();
    expect(settles()).toEqual([{ ack: ["a/1"] }]);
  });

  test("an answer while the extension is under way: follows it, and no timer is left", async () => {
    server.put("a");
    const [a] = (await receive()) as [HeldMessage];
    const settler = settlerOn();
    settler.extend(a);
    await until(() => settles().length === 1);
    settler.answer(a, ack);
    await settler.drained();
    expect(server.said).toEqual(["extend a/1", "ack a/1"]);
    expect(clock.timerCount).toBe(0);
  });
});

describe("settler: failures", () => {
  test("a lost connection: again; refused then means that the first attempt was heard", async () => {
    server.put("a", "b");
    const [a, b] = (await receive()) as [HeldMessage, HeldMessage];
    let calls = 0;
    server.spoilReply = ({ path }) => (path.endsWith("settle") && ++calls === 1 ? "break" : null);
    const settler = settlerOn();
    settler.answer(a, ack);
    settler.answer(b, { kind: "reject", reason: "bad" });
    await clock.passUntil(() => told.length === 3);
    expect(server.refused).toEqual(["a/1", "b/1"]);
    expect(told).toEqual(["CONNECTION_LOST", "ack a/1", "reject b/1"]);
  });

  test("refused at the first attempt: the message is lost", async () => {
    server.put("a", "b");
    const [a, b] = (await receive()) as [HeldMessage, HeldMessage];
    server.lapse("a/1");
    const settler = settlerOn();
    settler.answer(a, ack);
    settler.answer(b, ack);
    await settler.drained();
    expect(told).toEqual(["lost a/1: INVALID_RECORD_STATE", "ack b/1"]);
  });

  test("a server away: again with pauses, until the lease is over", async () => {
    server.put("a");
    const [a] = (await receive(2_000)) as [HeldMessage];
    server.spoil = () => "break";
    const settler = settlerOn();
    settler.answer(a, ack);
    await clock.passUntil(() => told.some((line) => line.startsWith("lost")));
    await settler.drained();
    expect(told.slice(0, -1).every((line) => line === "CONNECTION_LOST")).toBe(true);
    // Pauses double from 50 ms: few attempts fit into two seconds.
    expect(settles().length).toBeGreaterThan(2);
    expect(settles().length).toBeLessThan(9);
  });

  test("a call that hangs: is given up after a third of the lease and made again", async () => {
    server.put("a");
    const [a] = (await receive()) as [HeldMessage];
    let calls = 0;
    server.spoil = ({ path }) => (path.endsWith("settle") && ++calls === 1 ? "hang" : null);
    const settler = settlerOn();
    settler.answer(a, ack);
    await until(() => settles().length === 1);
    await clock.run(9_999);
    expect(told).toEqual([]);
    clock.advance(1);
    await clock.passUntil(() => told.length === 2);
    expect(told).toEqual(["CLIENT_TIMEOUT", "ack a/1"]);
  });

  test("a failure that does not pass: what it was about is lost, at once", async () => {
    server.put("a", "b");
    const [a, b] = (await receive()) as [HeldMessage, HeldMessage];
    server.spoil = () => problem(400, "INVALID_REQUEST");
    const settler = settlerOn();
    settler.answer(a, ack);
    settler.extend(b);
    await settler.drained();
    expect(told).toEqual([
      "INVALID_REQUEST",
      "lost a/1: INVALID_REQUEST",
      "lost b/1: INVALID_REQUEST",
    ]);
    expect(settles().length).toBe(1);
  });

  test("in a hurry: a failed call is made once more, then its messages are lost", async () => {
    server.put("a");
    const [a] = (await receive()) as [HeldMessage];
    server.spoil = () => "break";
    const settler = settlerOn();
    settler.answer(a, ack);
    await until(() => settles().length === 1);
    settler.hurry();
    await settler.drained();
    expect(told).toEqual(["CONNECTION_LOST", "CONNECTION_LOST", "lost a/1: CONNECTION_LOST"]);
  });

  test("in a hurry: a call that hangs has two seconds", async () => {
    server.put("a");
    const [a] = (await receive()) as [HeldMessage];
    server.spoil = () => "hang";
    const settler = settlerOn();
    settler.answer(a, ack);
    await until(() => settles().length === 1);
    settler.hurry();
    await clock.run(1_999);
    expect(told).toEqual([]);
    clock.advance(1);
    await until(() => settles().length === 2);
    clock.advance(2_000);
    await settler.drained();
    expect(told.at(-1)).toBe("lost a/1: CLIENT_TIMEOUT");
  });
});

test("settler: failures by kind: which pass", () => {
  const passing = (code: number, retriable: boolean): boolean =>
    isPassing({ status: code, retriable } as VarveError);
  expect(passing(0, true)).toBe(true);
  expect(passing(503, true)).toBe(true);
  expect(passing(500, false)).toBe(true);
  expect(passing(404, true)).toBe(false);
  expect(passing(400, false)).toBe(false);
  expect(asReplyError(new TypeError("x"))).toMatchObject({ code: "BAD_REPLY", retriable: false });
});
