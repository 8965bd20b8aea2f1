// Clients that break off, crawl, lie and shout. After each of them the server answers at once, has not failed once,
// and holds nothing of theirs any more.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { BareConnection, type LiveServer, limitedServer } from "../support/live-server.ts";
import { until } from "../support/until.ts";

let server: LiveServer;
beforeAll(async () => {
  server = await limitedServer({
    bodyBytesMax: 1_000_000,
    bodyBytesInFlightMax: 4_000_000,
    requestTimeoutMs: 400,
    headersTimeoutMs: 400,
    streamStallMs: 1000,
    keepAliveTimeoutMs: 300,
    connectionsMax: 2000,
  });
  await server.call("PUT", "/v1/topics/t", { json: { partitions: 2 } });
});
afterAll(() => server.close());

afterEach(async () => {
  expect((await server.call("GET", "/livez")).status).toBe(200);
  await until(async () => (await server.metric("varve_http_body_bytes")) === 0);
  await until(async () => (await server.metric("varve_http_waiting_requests")) === 0);
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
});

const open = () => BareConnection.open(server.port);
const head = (method: string, path: string, ...lines: readonly string[]) =>
  [`${method} ${path} HTTP/1.1`, "host: x", ...lines, "", ""].join("\r\n");
const produce = (...lines: readonly string[]) => head("POST", "/v1/topics/t/records", ...lines);
const json = "content-type: application/json";
const ndjson = "content-type: application/x-ndjson";
const chunked = "transfer-encoding: chunked";
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const record = '{"records":[{"value":1}]}';

async function endOf(): Promise<number> {
  const { body } = await server.call("GET", "/v1/topics/t/offsets");
  return body.offsets.reduce((sum: number, { offset }: { offset: number }) => sum + offset, 0);
}

async function conversation(...texts: readonly string[]): Promise<BareConnection> {
  const bare = await open();
  for (const text of texts) bare.send(text);
  return bare;
}

function crowdOf(size: number, text: (index: number) => string): Promise<BareConnection[]> {
  return Promise.all(Array.from({ length: size }, (_each, index) => conversation(text(index))));
}

describe("bodies that do not come as announced", () => {
  test("shorter than announced, then gone: nothing is appended, nothing kept", async () => {
    const before = await endOf();
    const lines = [json, ndjson, "content-type: text/plain"];
    for (const line of lines) {
      const bare = await conversation(produce(line, "content-length: 5000"), record);
      await new Promise((resolve) => setTimeout(resolve, 20));
      bare.drop();
    }
    expect(await endOf()).toBe(before);
  });

  test("shorter than announced, the line held open: 408 in time and the connection closed", async () => {
    for (const line of [json, ndjson]) {
      const bare = await conversation(produce(line, "content-length: 5000"), record);
      const heard = await bare.closed();
      expect(heard).toMatch(/^HTTP\/1\.1 408 .*"retriable":true/s);
    }
  });

  test("longer than announced: the rest is a broken request of its own", async () => {
    const length = `content-length: ${record.length}`;
    const bare = await conversation(produce(json, length), `${record}${record}\r\n\r\n`);
    await bare.closed();
    expect(bare.statuses()).toEqual([200, 400]);
  });

  test.each([
    ["announced", (size: number) => [`content-length: ${size}`]],
    ["in chunks", () => [chunked]],
  ])("too large, %s: 413, said even to those who go on sending", async (name, lines) => {
    const size = 4_000_000;
    const bare = await conversation(produce(json, ...lines(size)));
    const piece = "x".repeat(50_000);
    for (let sent = 0; sent < size; sent += piece.length) {
      bare.send(name === "announced" ? piece : chunk(piece));
    }
    const heard = await bare.until(/\}/);
    expect(heard).toMatch(/^HTTP\/1\.1 413 .*MESSAGE_TOO_LARGE/s);
    bare.drop();
  });

  test.each([
    ["both lengths", produce(json, "content-length: 5", chunked)],
    ["two lengths", produce(json, "content-length: 5", "content-length: 6")],
    ["a negative length", produce(json, "content-length: -1")],
    ["a length in words", produce(json, "content-length: five")],
    ["a bad chunk", `${produce(json, chunked)}zz\r\n`],
    ["a chunk longer than itself", `${produce(json, chunked)}5\r\nabcdefgh\r\n0\r\n\r\n`],
    ["a newline in a header", produce(json, "x-a: b\r\n : c")],
    ["a zero byte in a header", produce(json, "x-a: b\0c")],
    ["a bare CR", `GET /livez HTTP/1.1\rhost: x\r\r`],
  ])("%s: refused by 400 and closed", async (_name, text) => {
    const before = await endOf();
    const bare = await conversation(text);
    expect(await bare.closed()).toMatch(/^HTTP\/1\.1 4(00|08) /);
    expect(await endOf()).toBe(before);
  });

  test("an NDJSON upload broken off in the middle: nothing of it is appended", async () => {
    const before = await endOf();
    const bare = await conversation(
      produce(ndjson, chunked),
      chunk('{"value":1}\n{"value":2}\n{"v'),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    bare.drop();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await endOf()).toBe(before);
  });

  test("an NDJSON upload with a bad line in the middle: its sender hears of it", async () => {
    const before = await endOf();
    const bare = await conversation(produce(ndjson, chunked), chunk('{"value":1}\nnonsense\n'));
    const heard = await bare.until(/\}/);
    expect(heard).toMatch(/^HTTP\/1\.1 400 .*"index":1/s);
    bare.drop();
    expect(await endOf()).toBe(before);
  });

  test("Expect: 100-continue: is told to go on", async () => {
    const length = `content-length: ${record.length}`;
    const bare = await conversation(produce(json, length, "expect: 100-continue"));
    await bare.until(/100 Continue/);
    bare.send(record);
    await bare.until(/"durability"/);
    expect(bare.statuses()).toEqual([100, 200]);
    bare.drop();
  });
});

describe("clients that crawl", () => {
  test("a byte now and then: headers and bodies have an end", async () => {
    const slowHead = await open();
    const slowBody = await conversation(produce(json, "content-length: 100"));
    const crawl = setInterval(() => {
      if (!slowHead.isClosed) slowHead.send("G");
      if (!slowBody.isClosed) slowBody.send(" ");
    }, 50);
    const heard = await slowBody.closed();
    expect(heard).toMatch(/^HTTP\/1\.1 408 /);
    await slowHead.closed();
    clearInterval(crawl);
  });

  test("a reader that takes nothing: its reply does not stay in memory", async () => {
    const text = "x".repeat(900_000);
    for (let count = 0; count < 40; count++) {
      await server.call("POST", "/v1/topics/large/records", { json: { records: [{ text }] } });
    }
    const path = "/v1/topics/large/partitions/0/records?maxBytes=60000000&maxRecords=1000";
    const accepts = ["application/json", "application/vnd.varve.batches", "text/event-stream"];
    const readers = await Promise.all(accepts.map(open));
    for (const [index, bare] of readers.entries()) {
      bare.socket.pause();
      bare.send(head("GET", path, `accept: ${accepts[index]}`));
    }
    await until(async () => (await server.connections?.()) === 0);
    for (const bare of readers) {
      bare.socket.resume();
      await bare.closed();
      expect(bare.statuses()).toEqual([200]);
      expect(bare.heard.length).toBeLessThan(35_000_000);
    }
  });

  test("a reader that polls and takes nothing: the member is free again", async () => {
    const ask = { member: "slow", topics: ["large"], maxBytes: 60_000_000, maxRecords: 1000 };
    const body = JSON.stringify(ask);
    const path = "/v1/groups/crawl/poll";
    const bare = await open();
    bare.socket.pause();
    bare.send(head("POST", path, json, `content-length: ${body.length}`) + body);
    await until(async () => (await server.call("GET", "/v1/groups/crawl")).status === 200);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const again = await server.call("POST", path, { json: { ...ask, maxRecords: 3 } });
    expect(again.body.records.map(({ offset }: { offset: number }) => offset)).toEqual([0, 1, 2]);
    bare.drop();
  });
});

describe("clients that come in crowds", () => {
  test("a thousand waiting reads whose clients vanish: all are let go", async () => {
    const path = "/v1/topics/t/partitions/0/records?from=latest&waitMs=60000";
    const crowd = await crowdOf(1000, () => head("GET", path));
    await until(async () => (await server.metric("varve_http_waiting_requests")) === 1000);
    for (const [index, bare] of crowd.entries()) {
      if (index % 2 === 0) bare.drop();
      else bare.socket.resetAndDestroy();
    }
  });

  test("a thousand waiting reads: one record answers them all", async () => {
    const path = "/v1/topics/t/partitions/0/records?from=latest&waitMs=60000";
    const crowd = await crowdOf(1000, () => head("GET", path));
    await until(async () => (await server.metric("varve_http_waiting_requests")) === 1000);
    await server.call("POST", "/v1/topics/t/records?partition=0", {
      json: { records: [{ value: 1 }] },
    });
    await Promise.all(crowd.map((bare) => bare.until(/"nextOffset"/)));
    for (const bare of crowd) {
      expect(bare.statuses()).toEqual([200]);
      bare.drop();
    }
  });

  test("waiting group members that vanish: the coordinator forgets their wait", async () => {
    const crowd = await crowdOf(50, (index) => {
      const poll = { member: `m${index}`, topics: ["t"], waitMs: 60_000, from: "latest" };
      const body = JSON.stringify(poll);
      const length = `content-length: ${body.length}`;
      return head("POST", "/v1/groups/crowd/poll", json, length) + body;
    });
    await until(async () => (await server.metric("varve_http_waiting_requests")) > 40);
    for (const bare of crowd) bare.drop();
  });

  test("pipelined requests: answered in order", async () => {
    const length = `content-length: ${record.length}`;
    const wait = head("GET", "/v1/topics/t/partitions/1/records?from=latest&waitMs=100");
    const missing = head("GET", "/v1/topics/missing");
    const all = `${wait}${missing}${produce(json, length)}${record}${head("GET", "/livez")}`;
    const bare = await conversation(all);
    await bare.until(/"ok"/);
    expect(bare.statuses()).toEqual([200, 404, 200, 200]);
    bare.drop();
  });

  test("pipelined requests of a client that never reads: end", async () => {
    const bare = await open();
    bare.socket.pause();
    const path = "/v1/topics/large/partitions/0/records?maxRecords=3";
    for (let count = 0; count < 200; count++) bare.send(head("GET", path));
    // A socket that is not read learns of its end by writing only; each write counts as a sign of life.
    while (!bare.isClosed) {
      await new Promise((resolve) => setTimeout(resolve, 2000));
      bare.send("\r\n");
    }
    expect(bare.statuses().length).toBeLessThan(200);
  });
});

describe("what is not this protocol", () => {
  const hello = Buffer.from("16030100c8010000c40303", "hex");

  test.each([
    ["TLS", hello],
    ["zeros", Buffer.alloc(1000)],
    ["0xff", Buffer.alloc(1000, 0xff)],
    ["the HTTP/2 preface", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
    ["SSH", Buffer.from("SSH-2.0-OpenSSH_9.6\r\n")],
  ])("%s: is told 400 and cut off", async (_name, bytes) => {
    const bare = await open();
    bare.send(bytes);
    expect(await bare.closed()).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("half closed: what was asked is still answered", async () => {
    const bare = await conversation(head("GET", "/v1/topics/t"));
    bare.socket.end();
    expect(await bare.closed()).toMatch(/^HTTP\/1\.1 200 .*"name":"t"/s);
  });

  test("HTTP/1.0: is answered and closed", async () => {
    const bare = await conversation("GET /v1/topics/t HTTP/1.0\r\n\r\n");
    expect(await bare.closed()).toMatch(/^HTTP\/1\.1 200 .*"name":"t"/s);
  });

  test("an upgrade and a CONNECT: no other protocol begins", async () => {
    const upgrade = ["connection: upgrade", "upgrade: websocket"];
    const bare = await conversation(head("GET", "/livez", ...upgrade));
    await bare.until(/"ok"/);
    expect(bare.statuses()).toEqual([200]);
    bare.drop();
    const connect = await conversation(
      "CONNECT example.com:80 HTTP/1.1\r\nhost: example.com\r\n\r\n",
    );
    await connect.closed();
    expect(connect.heard).not.toMatch(/200/);
  });

  test("text that would be headers if it were not watched: stays text", async () => {
    const path = `/v1/topics/t?a=${encodeURIComponent("\r\nset-cookie: a=b")}`;
    const ids = { "x-request-id": "a b" };
    const answer = await server.call("GET", path, { headers: ids });
    expect(answer.status).toBe(400);
    expect(answer.headers.has("set-cookie")).toBe(false);
    const bare = await conversation(head("GET", "/livez", "x-request-id: a\tb"));
    await bare.until(/"ok"/);
    expect(bare.heard).not.toContain("a\tb");
    bare.drop();
  });
});

test("connections beyond the limit: are refused while the others are served", async () => {
  const small = await limitedServer({ connectionsMax: 5 });
  const crowd = await Promise.all(Array.from({ length: 5 }, () => BareConnection.open(small.port)));
  for (const bare of crowd) bare.send(head("GET", "/livez"));
  await Promise.all(crowd.map((bare) => bare.until(/"ok"/)));
  const late = await BareConnection.open(small.port);
  await late.closed();
  crowd[0]?.send(head("GET", "/metrics"));
  expect(await crowd[0]?.until(/dropped_total 1/)).toMatch(/connections_dropped_total 1/);
  for (const bare of crowd) bare.drop();
  await until(async () => (await small.call("GET", "/livez").catch(() => null))?.status === 200);
  await small.close();
});
