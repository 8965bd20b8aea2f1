// Random bytes and damaged requests against a real server: whatever comes, it answers properly or hangs up, and
// goes on.

import { pack } from "msgpackr";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { BareConnection, type LiveServer, limitedServer } from "../support/live-server.ts";

const seed = Number(process.env["VARVE_FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const rounds = Number(process.env["VARVE_FUZZ_ROUNDS"] ?? 400);

let server: LiveServer;
beforeAll(async () => {
  console.log(`seed ${seed}`);
  const limits = { requestTimeoutMs: 1000, headersTimeoutMs: 1000, waitMsMax: 20 };
  server = await limitedServer(limits, { partitionsMax: 50 });
  await server.call("PUT", "/v1/topics/t", { json: { partitions: 2 } });
});
afterAll(() => server.close());

const bodies: readonly (readonly [string, string | Buffer])[] = [
  [
    "application/json",
    '{"records":[{"key":"k","value":{"a":[1,2]},"headers":{"h":["x",{"b64":"AA=="}]}}]}',
  ],
  ["application/json", '{"partitions":2,"config":{"retention.ms":"1000"}}'],
  [
    "application/json",
    '{"member":"m","topics":["t"],"waitMs":5,"maxRecords":2,"sessionTimeoutMs":500}',
  ],
  [
    "application/json",
    '{"member":"m","epoch":1,"offsets":[{"topic":"t","partition":0,"offset":1}]}',
  ],
  ["application/json", '{"to":"-1","topics":["t"],"dryRun":true}'],
  ["application/json", '{"before":[{"partition":0,"offset":0}]}'],
  ["application/x-ndjson", '{"value":1}\n{"text":"x","partition":1}\n\n{"b64":"AAAA"}'],
  ["text/plain", "some text"],
  [
    "application/msgpack",
    pack({ records: [{ key: "k", value: Buffer.from("v"), headers: { h: "x" } }] }),
  ],
  ["application/msgpack", pack({ member: "n", topics: ["t"], waitMs: 1 })],
];
const targets = [
  "POST /v1/topics/t/records?acks=all&partition=0",
  "POST /v1/topics/t/records",
  "PUT /v1/topics/t",
  "PATCH /v1/topics/t",
  "POST /v1/topics/t/trim",
  "GET /v1/topics/t/partitions/0/records?from=earliest&maxRecords=3&waitMs=5&as=text",
  "GET /v1/topics/t/records?from=0:0,1:0&maxBytes=100",
  "GET /v1/topics/t/offsets?at=@1000",
  "GET /v1/topics?prefix=t",
  "POST /v1/groups/g/poll",
  "POST /v1/groups/g/commit",
  "POST /v1/groups/g/leave",
  "PUT /v1/groups/g/offsets",
  "GET /v1/groups/g",
  "DELETE /v1/groups/g",
];
const accepts = [
  "*/*",
  "application/json",
  "application/msgpack",
  "application/x-ndjson",
  "application/vnd.varve.batches",
];

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[random.below(items.length)] as Item;
}

function damaged(random: Random, bytes: Buffer): Buffer {
  let result = Buffer.from(bytes);
  for (let count = random.below(4); count > 0 && result.length > 0; count--) {
    const at = random.below(result.length);
    const kind = random.below(5);
    if (kind === 0) result[at] = random.below(256);
    else if (kind === 1) result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
    else if (kind === 2) result = result.subarray(0, at);
    else if (kind === 3) {
      const end = Math.min(result.length, at + random.below(20));
      result = Buffer.concat([result.subarray(0, end), result.subarray(at)]);
    } else {
      const extremes = [
        "-1",
        "9007199254740993",
        "1e999",
        "null",
        "\0",
        "\\ud800",
        "[[[[",
        "%00",
        "{}",
      ];
      result = Buffer.concat([
        result.subarray(0, at),
        Buffer.from(pick(random, extremes)),
        result.subarray(at),
      ]);
    }
  }
  return result;
}

function request(random: Random): Buffer {
  const [type, text] = pick(random, bodies);
  const body = damaged(random, Buffer.from(text));
  const hurtsHead = random.below(4) === 0;
  const target = pick(random, targets);
  const head = [
    `${target} HTTP/1.1`,
    "host: x",
    "connection: close",
    `content-type: ${type}`,
    `accept: ${pick(random, accepts)}`,
    ...(random.below(8) === 0 ? [`if-offset-match: ${random.below(9)}`] : []),
    ...(target.startsWith("GET") ? [] : [`content-length: ${body.length}`]),
  ];
  const bytes = Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1");
  const whole = hurtsHead ? damaged(random, bytes) : bytes;
  return target.startsWith("GET") ? whole : Buffer.concat([whole, body]);
}

async function send(bytes: Buffer): Promise<string> {
  const bare = await BareConnection.open(server.port);
  bare.send(bytes);
  bare.socket.end();
  return bare.closed();
}

test("random bytes: are refused or ignored", async () => {
  const random = seededRandom(seed);
  for (let round = 0; round < rounds / 4; round++) {
    const heard = await send(Buffer.from(random.bytes(1 + random.below(300))));
    expect(heard).toMatch(/^$|^HTTP\/1\.1 4\d\d /);
  }
}, 600_000);

test("damaged requests: no failure, no broken reply, and the server goes on", async () => {
  const random = seededRandom(seed + 1);
  for (let round = 0; round < rounds; round++) {
    const bytes = request(random);
    const heard = await send(bytes);
    const text = `round ${round}: ${bytes.toString("latin1")}\n${heard}\n${server.errors[0]?.facts.err?.stack}`;
    expect(/^$|^HTTP\/1\.1 [24]\d\d /.test(heard), text).toBe(true);
  }
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
  const json = { records: [{ text: "still here" }] };
  expect((await server.call("POST", "/v1/topics/after/records", { json })).status).toBe(200);
  expect(await server.metric("varve_http_body_bytes")).toBe(0);
}, 600_000);
