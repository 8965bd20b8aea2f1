import type { FastifyRequest } from "fastify";
import { pack } from "msgpackr";
import { expect, test } from "vitest";
import { MessageReader } from "../../../src/doors/http/message-reader.ts";

interface Seen {
  readonly value: string | null;
  readonly id: string | null;
  readonly headers: readonly string[];
  readonly isLast: boolean;
}

function request(type: string, query: Record<string, string> = {}): FastifyRequest {
  const headers = { "content-type": type };
  return { headers, query, raw: { headers: {}, rawHeaders: [] } } as unknown as FastifyRequest;
}

const reader = new MessageReader();

function readAll(type: string, body: string | Buffer, query = {}): readonly Seen[] {
  reader.open(request(type, query), Buffer.from(body), 100);
  const seen: Seen[] = [];
  while (reader.next()) {
    const { value, valueStart, valueEnd, headers } = reader.draft;
    seen.push({
      value: value === null ? null : Buffer.from(value.subarray(valueStart, valueEnd)).toString(),
      id: reader.dedupId,
      headers: headers.map((header) => `${header.key}=${String(header.value)}`),
      isLast: reader.isLast,
    });
  }
  return seen;
}

const records = [{ text: "a", delayMs: 5 }, { text: "b", dedupId: "x" }, { text: "c" }];
const seen: readonly Seen[] = [
  { value: "a", id: null, headers: ["varve-deliver-at=105"], isLast: false },
  { value: "b", id: "x", headers: ["varve-dedup-id=x"], isLast: false },
  { value: "c", id: null, headers: [], isLast: true },
];

test("the same messages in every encoding, one after the other, and again", () => {
  const lines = records.map((record) => `${JSON.stringify(record)}\n`).join("\n");
  for (let round = 0; round < 2; round++) {
    expect(readAll("application/json", JSON.stringify({ records }))).toEqual(seen);
    expect(readAll("application/x-ndjson", lines)).toEqual(seen);
    expect(readAll("application/msgpack", pack({ records }))).toEqual(seen);
  }
});

test("raw: one message, its wishes in the query", () => {
  const query = { dedupId: "r", priority: "2" };
  expect(readAll("text/plain", "raw", query)).toEqual([
    { value: "raw", id: "r", headers: ["varve-priority=2", "varve-dedup-id=r"], isLast: true },
  ]);
  expect(() => readAll("text/plain", "raw", { priority: "two" })).toThrow(/'priority' must be/);
});

test("empty bodies have no messages; a bad one is named by its index", () => {
  expect(readAll("application/json", '{"records":[]}')).toEqual([]);
  expect(readAll("application/x-ndjson", "\r\n  \n")).toEqual([]);
  const bad = '{"text":"a"}\n\n{"text":"b","priority":99}';
  expect(() => readAll("application/x-ndjson", bad)).toThrow(/record 1: 'priority'/);
  expect(() => readAll("application/x-ndjson", '{"nothing":1}')).toThrow(/dedupId/);
});
