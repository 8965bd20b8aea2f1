import type { IncomingMessage } from "node:http";
import { get } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeClock } from "../../support/fake-clock.ts";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { until } from "../../support/until.ts";

let clock: FakeClock;
let http: HttpFixture;
beforeEach(async () => {
  clock = new FakeClock();
  http = await httpFixture({ clock });
  await http.json("PUT", "/v1/topics/s", { partitions: 2 });
  await http.door.listen();
});
afterEach(() => http.close());

interface Stream {
  readonly response: IncomingMessage;
  text(): string;
  isEnded(): boolean;
}

function open(path: string, headers: Record<string, string>): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const request = get(`${http.door.address()}${path}`, { headers }, (response) => {
      let text = "";
      let isEnded = false;
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", () => undefined);
      response.on("close", () => {
        isEnded = true;
      });
      resolve({ response, text: () => text, isEnded: () => isEnded });
    });
    request.on("error", reject);
  });
}

const partition = "/v1/topics/s/partitions/0/records";
const merged = "/v1/topics/s/records";
const produce = (index: number, value: unknown) =>
  http.json("POST", merged, { records: [{ partition: index, value }] });
const ndjson = { accept: "application/x-ndjson" };
const sse = { accept: "text/event-stream" };

describe("streams: NDJSON with follow", () => {
  test("gives what is there, then what comes; ends when the door closes", async () => {
    await produce(0, 1);
    const stream = await open(`${partition}?follow=true`, ndjson);
    await until(() => stream.text().includes('"value":1'));
    await produce(0, { a: "\n" });
    await until(() => stream.text().split("\n").length === 3);
    const [, second = ""] = stream.text().split("\n");
    expect(JSON.parse(second)).toMatchObject({ offset: 1, value: { a: "\n" } });
    await http.door.close(1000);
    await until(stream.isEnded);
    expect(stream.response.complete).toBe(true);
  });

  test("trouble in the middle: the body breaks off, nothing leaks", async () => {
    const stream = await open(`${partition}?follow=true`, ndjson);
    await until(() => http.door.waiting === 1);
    await http.json("DELETE", "/v1/topics/s");
    await until(stream.isEnded);
    expect(stream.response.complete).toBe(false);
    await until(() => http.door.waiting === 0);
    expect(http.services.leases).toBe(0);
  });

  test("the client goes away: the wait ends", async () => {
    const stream = await open(`${partition}?follow=true`, ndjson);
    await until(() => http.door.waiting === 1);
    stream.response.destroy();
    await until(() => http.door.waiting === 0);
  });
});

describe("streams: server-sent events", () => {
  test("each event's id is the position to resume from; Last-Event-ID stands before from", async () => {
    await produce(0, 1);
    await produce(0, 2);
    const stream = await open(partition, sse);
    expect(stream.response.headers["content-type"]).toBe("text/event-stream");
    await until(() => stream.text().includes("id: 2\n"));
    expect(stream.text()).toMatch(/^id: 1\ndata: \{.*"value":1.*\}\n\nid: 2\ndata: .*\n\n$/);
    const resumed = await open(`${partition}?from=0`, { ...sse, "last-event-id": "1" });
    await until(() => resumed.text().includes("id: 2\n"));
    expect(resumed.text()).not.toContain("id: 1\n");
  });

  test("merged: the id is the vector, which resumes", async () => {
    await produce(0, 1);
    await produce(1, 2);
    const stream = await open(merged, sse);
    await until(() => stream.text().includes("id: 0:1,1:1\n"));
    await produce(1, 3);
    await until(() => stream.text().includes("id: 0:1,1:2\n"));
    const resumed = await open(merged, { ...sse, "last-event-id": "0:1,1:1" });
    await until(() => resumed.text().includes("id: 0:1,1:2\n"));
    expect(resumed.text()).not.toContain('"value":2');
  });

  test("quiet for 15 seconds: a comment", async () => {
    const stream = await open(partition, sse);
    await until(() => http.door.waiting === 1);
    await until(() => clock.timerCount > 0);
    await clock.run(14_999);
    expect(stream.text()).toBe("");
    await clock.run(1);
    await until(() => stream.text() === ": still here\n\n");
  });

  test("follow=false: one page, then the end", async () => {
    await produce(0, 1);
    const stream = await open(`${partition}?follow=false`, sse);
    await until(stream.isEnded);
    expect(stream.text()).toContain("id: 1\n");
  });

  test("a wrong start: its own status, no stream", async () => {
    expect((await open(`${partition}?from=9`, sse)).response.statusCode).toBe(416);
    expect((await open(`${partition}?from=x`, sse)).response.statusCode).toBe(400);
    expect(http.door.waiting).toBe(0);
  });
});

test("streams: a reader that takes nothing: cut off after the stall time", async () => {
  const big = { records: [{ text: "x".repeat(900_000), partition: 0 }] };
  for (let index = 0; index < 12; index++) await http.json("POST", merged, big);
  const stream = await open(`${partition}?follow=true&maxBytes=20000000`, ndjson);
  stream.response.pause();
  await until(() => http.door.waiting === 1);
  await until(async () => {
    await clock.run(30_000);
    return http.door.waiting === 0;
  });
});
