import { afterEach, describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import type { AdmitRequest, QueueServices } from "../../../src/services.ts";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { queueDoor } from "../../support/queue-door.ts";
import { until } from "../../support/until.ts";

type Place = { readonly partition: number; readonly offset: number } | null;

let http: HttpFixture;
afterEach(() => http.close());

const url = "/v1/queues/q/messages";

// Lets everybody in, knows the ids it is told, and keeps what it hears.
class Gate {
  readonly asked: AdmitRequest[] = [];
  readonly heard: (readonly Place[] | "failed")[] = [];
  readonly known = new Map<string, number>();

  readonly admit: QueueServices["admit"] = async (request) => {
    this.asked.push(request);
    return {
      known: request.dedupIds.map((id) => {
        const offset = this.known.get(id);
        return offset === undefined ? null : { partition: 0, offset, deliveries: 0, epoch: 0 };
      }),
      sent: (places) => this.heard.push(places),
      failed: () => this.heard.push("failed"),
    };
  };
}

async function door(partitions = 1): Promise<Gate> {
  const gate = new Gate();
  http = await queueDoor({ admit: gate.admit }, { partitions });
  return gate;
}

const send = (records: readonly object[], query = "") =>
  http.json("POST", url + query, { records });

describe("admission", () => {
  test("asked with records, bytes and ids; told where the new ids are", async () => {
    const gate = await door();
    await send([{ value: 1 }, { value: 2, dedupId: "a" }, { value: 3, dedupId: "a" }]);
    await send([{ value: 4, dedupId: "b" }]);
    expect(gate.asked).toMatchObject([
      { queue: "q", records: 2, dedupIds: ["a"] },
      { queue: "q", records: 1, dedupIds: ["b"] },
    ]);
    for (const { bytes } of gate.asked) expect(bytes).toBeGreaterThan(0);
    expect(gate.heard).toEqual([[{ partition: 0, offset: 1 }], [{ partition: 0, offset: 2 }]]);
  });

  test("known ids are not appended again", async () => {
    const gate = await door();
    gate.known.set("a", 40);
    const alone = await send([{ value: 1, dedupId: "a" }]);
    expect(alone.body).toMatchObject({ results: [{ offset: 40 }], duplicate: true });
    expect(http.services.produceCalls).toBe(0);
    const mixed = await send([{ value: 1, dedupId: "a" }, { value: 2 }]);
    expect(mixed.body).toMatchObject({ results: [{ offset: 40 }, { offset: 0 }] });
    expect(gate.heard).toEqual([[], []]);
  });

  test("a produce that fails gives the ids back, each admission once", async () => {
    const gate = await door();
    http.services.produceFailure = "KAFKA_STORAGE_ERROR";
    expect((await send([{ value: 1, dedupId: "a" }])).status).toBe(503);
    expect((await send([{ value: 1, dedupId: "a" }, { value: 2 }])).status).toBe(503);
    expect(gate.heard).toEqual(["failed", [null]]);
  });

  test("a bad record, a bad query: nobody is asked", async () => {
    const gate = await door();
    expect((await send([{ value: 1 }, { valu: 1 }])).status).toBe(400);
    expect((await send([{ value: 1, partition: 5 }])).status).toBe(404);
    expect((await send([{ value: 1 }], "?acks=2")).status).toBe(400);
    expect((await send([{ value: 1, dedupId: "a" }], "?acks=0")).status).toBe(400);
    expect(gate.asked).toEqual([]);
  });

  test("a full queue: 429, nothing is appended", async () => {
    const facts = { queue: "q", depth: 5, bytes: 10 };
    http = await queueDoor({
      admit: () => Promise.reject(new LogError("QUEUE_FULL", "full", { facts })),
    });
    const refused = await send([{ value: 1 }]);
    expect(refused).toMatchObject({ status: 429, body: { code: "QUEUE_FULL", ...facts } });
    expect(refused.headers["retry-after"]).toBe("1");
    expect(http.services.produceCalls).toBe(0);
  });
});

test("single messages together: one batch", async () => {
  const gate = await door();
  const answers = await Promise.all([1, 2, 3].map((value) => send([{ value }])));
  const offsets = answers.map(({ body }) => body.results[0].offset);
  expect(offsets.sort((one: number, other: number) => one - other)).toEqual([0, 1, 2]);
  expect(http.services.produceCalls).toBe(1);
  expect(gate.heard).toEqual([[], [], []]);
});

test("acks=0: 202, and the admission ends all the same", async () => {
  const gate = await door();
  expect((await send([{ value: 1 }], "?acks=0")).status).toBe(202);
  expect((await send([{ value: 1 }, { value: 2 }], "?acks=0")).status).toBe(202);
  await until(() => gate.heard.length === 2);
  expect(gate.heard).toEqual([[], []]);
});
