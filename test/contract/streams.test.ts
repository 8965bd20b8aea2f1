import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BareConnection, type LiveServer, limitedServer } from "../support/live-server.ts";
import { until } from "../support/until.ts";

let server: LiveServer;
let count = 0;
beforeAll(async () => {
  server = await limitedServer({ streamHeartbeatMs: 150, streamStallMs: 2000 });
});
afterAll(async () => {
  await until(async () => (await server.metric("varve_http_waiting_requests")) === 0);
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
  await server.close();
});

async function newTopic(partitions = 1): Promise<string> {
  const name = `s${count++}`;
  await server.call("PUT", `/v1/topics/${name}`, { json: { partitions } });
  return name;
}

async function fill(topic: string, values: readonly unknown[], partition = 0): Promise<void> {
  const records = values.map((value) => ({ partition, value }));
  const answer = await server.call("POST", `/v1/topics/${topic}/records`, { json: { records } });
  expect(answer.status).toBe(200);
}

interface StreamEvent {
  readonly id: string;
  readonly data: string;
}

/** A stream read as it comes: events by the rules of the HTML standard, or lines. */
class Reader {
  text = "";
  isEnded = false;
  readonly #stop = new AbortController();

  async open(path: string, headers: Record<string, string>): Promise<this> {
    const reply = await fetch(server.url + path, { headers, signal: this.#stop.signal });
    expect(reply.status).toBe(200);
    void this.#read(reply);
    return this;
  }

  async #read(reply: Response): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of reply.body ?? []) {
        this.text += decoder.decode(chunk as Uint8Array, { stream: true });
      }
    } catch {
      // Ended by one side or the other; `isEnded` says so.
    }
    this.isEnded = true;
  }

  /** Whole events so far; lines end at CR, LF or both. */
  get events(): readonly StreamEvent[] {
    const blocks = this.text.split(/\r\n\r\n|\n\n|\r\r/).slice(0, -1);
    return blocks.flatMap((block) => {
      const fields = block.split(/\r\n|\n|\r/).filter((line) => !line.startsWith(":"));
      const valueOf = (name: string) =>
        fields.flatMap((line) =>
          line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : [],
        );
      const data = valueOf("data");
      return data.length === 0 ? [] : [{ id: valueOf("id").at(-1) ?? "", data: data.join("\n") }];
    });
  }

  get lines(): readonly string[] {
    return this.text.split("\n").slice(0, -1);
  }

  close(): void {
    this.#stop.abort();
  }
}

const events = (path: string, headers: Record<string, string> = {}) =>
  new Reader().open(path, { accept: "text/event-stream", ...headers });
const pathOf = (topic: string) => `/v1/topics/${topic}/partitions/0/records`;
const valuesOf = (reader: Reader) =>
  reader.events.map(({ data }): string => JSON.parse(data).value);

describe("server-sent events", () => {
  test("every record is an event with the position behind it, as it comes", async () => {
    const topic = await newTopic();
    await fill(topic, [1, 2]);
    const reader = await events(pathOf(topic));
    await until(() => reader.events.length === 2);
    await fill(topic, [3]);
    await until(() => reader.events.length === 3);
    expect(reader.events.map(({ id }) => id)).toEqual(["1", "2", "3"]);
    expect(valuesOf(reader)).toEqual([1, 2, 3]);
    reader.close();
  });

  test("quiet: a comment now and then", async () => {
    const reader = await events(pathOf(await newTopic()));
    await until(() => (reader.text.match(/^:.*\n\n/gm) ?? []).length >= 2);
    expect(reader.events).toEqual([]);
    reader.close();
  });

  test("broken off and taken up again and again: each record exactly once", async () => {
    const topic = await newTopic();
    const all = Array.from({ length: 3000 }, (_each, value) => value);
    const filling = (async () => {
      for (let at = 0; at < all.length; at += 100) await fill(topic, all.slice(at, at + 100));
    })();
    const seen: unknown[] = [];
    let last = "";
    for (let round = 0; seen.length < all.length; round++) {
      const reader = await events(pathOf(topic), last === "" ? {} : { "last-event-id": last });
      const wanted = Math.min(1 + round * 97, all.length - seen.length);
      await until(() => reader.events.length >= wanted);
      reader.close();
      const got = reader.events;
      seen.push(...got.map(({ data }) => JSON.parse(data).value));
      last = got.at(-1)?.id ?? last;
    }
    await filling;
    expect(seen).toEqual(all);
  });

  test("merged: the vector in the id takes every partition up where it was", async () => {
    const topic = await newTopic(3);
    for (const partition of [0, 1, 2])
      await fill(topic, [`${partition}a`, `${partition}b`], partition);
    const path = `/v1/topics/${topic}/records`;
    const first = await events(path);
    await until(() => first.events.length === 6);
    first.close();
    const whole = valuesOf(first);
    expect(whole.toSorted()).toEqual(["0a", "0b", "1a", "1b", "2a", "2b"]);
    for (let cut = 0; cut < 6; cut++) {
      const id = first.events[cut]?.id ?? "";
      const rest = await events(path, { "last-event-id": id });
      await until(() => rest.events.length === 5 - cut);
      expect([...whole.slice(0, cut + 1), ...valuesOf(rest)].map(String).toSorted()).toEqual(
        whole.map(String).toSorted(),
      );
      rest.close();
    }
  });

  test("line breaks inside of values: stay inside of their event", async () => {
    const topic = await newTopic();
    const bodies = [
      '{\n  "a": 1\n}',
      '{\r\n"a":\r2}',
      "plain\ntext\r\nlines\r",
      '"\\n\\r"',
      "\u2028\u0085",
    ];
    for (const body of bodies)
      await server.call("POST", `/v1/topics/${topic}/records`, { body, type: "text/plain" });
    const reader = await events(pathOf(topic));
    await until(() => reader.events.length === bodies.length);
    const shown = reader.events.map(({ data }) => JSON.parse(data));
    expect(shown.map(({ value, text }) => value ?? text)).toEqual([
      { a: 1 },
      { a: 2 },
      bodies[2],
      "\n\r",
      bodies[4],
    ]);
    reader.close();
    const lines = await server.call("GET", pathOf(topic), { accept: "application/x-ndjson" });
    expect(
      lines.text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line).offset),
    ).toEqual([0, 1, 2, 3, 4]);
  });

  test("a position that cannot be: is said by status and not in the stream", async () => {
    const topic = await newTopic();
    const answer = await server.call("GET", `${pathOf(topic)}?from=5`, {
      accept: "text/event-stream",
    });
    expect([answer.status, answer.body.code]).toEqual([416, "OFFSET_OUT_OF_RANGE"]);
    const headers = { "last-event-id": "nonsense" };
    const bad = await server.call("GET", pathOf(topic), { accept: "text/event-stream", headers });
    expect(bad.status).toBe(400);
  });

  test("the topic is deleted: the stream ends", async () => {
    const topic = await newTopic();
    const reader = await events(pathOf(topic));
    await server.call("DELETE", `/v1/topics/${topic}`);
    await until(() => reader.isEnded);
  });
});

describe("NDJSON that follows", () => {
  test("goes on where the page ended, record by record", async () => {
    const topic = await newTopic();
    await fill(topic, [1, 2]);
    const reader = await new Reader().open(`${pathOf(topic)}?follow=true&from=1`, {
      accept: "application/x-ndjson",
    });
    await until(() => reader.lines.length === 1);
    await fill(topic, [3]);
    await until(() => reader.lines.length === 2);
    expect(reader.lines.map((line) => JSON.parse(line).value)).toEqual([2, 3]);
    reader.close();
  });

  test("thousands of records: all of them, in order", async () => {
    const topic = await newTopic();
    const reader = await new Reader().open(`${pathOf(topic)}?follow=true`, {
      accept: "application/x-ndjson",
    });
    const all = Array.from({ length: 20_000 }, (_each, value) => value);
    for (let at = 0; at < all.length; at += 5000) await fill(topic, all.slice(at, at + 5000));
    await until(() => reader.text.endsWith("\n") && reader.text.includes('"offset":19999'));
    expect(reader.lines.map((line) => JSON.parse(line).value)).toEqual(all);
    reader.close();
  });

  test("needs an encoding that can follow", async () => {
    const topic = await newTopic();
    for (const accept of [
      "application/json",
      "application/msgpack",
      "application/vnd.varve.batches",
    ]) {
      const answer = await server.call("GET", `${pathOf(topic)}?follow=true`, { accept });
      expect([accept, answer.status]).toEqual([accept, 400]);
    }
  });
});

test("the server stops: every stream ends and every waiting read is answered", async () => {
  const other = await limitedServer({});
  await other.call("PUT", "/v1/topics/t", { json: {} });
  const open = async (query: string, accept: string) => {
    const bare = await BareConnection.open(other.port);
    const path = `/v1/topics/t/partitions/0/records${query}`;
    bare.send([`GET ${path} HTTP/1.1`, "host: x", `accept: ${accept}`, "", ""].join("\r\n"));
    return bare;
  };
  const crowd = await Promise.all([
    open("", "text/event-stream"),
    open("?follow=true", "application/x-ndjson"),
    open("?waitMs=60000", "application/json"),
  ]);
  await until(async () => (await other.metric("varve_http_waiting_requests")) === 3);
  const closing = other.close();
  for (const bare of crowd) expect(await bare.closed()).toMatch(/^HTTP\/1\.1 200 /);
  await closing;
});
