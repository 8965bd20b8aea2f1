import { describe, expect, test } from "vitest";
import { jsonEvent } from "../../src/coordinator/event-json.ts";
import {
  decodeShareEvent,
  encodeShareEvent,
  type ShareEvent,
} from "../../src/share/share-events.ts";
import { noCounts } from "../../src/share/share-partition.ts";
import { fateOf } from "../support/share-states.ts";

const place = { group: "g", topic: "t", partition: 3 };
const header = { topicId: "id", epoch: 7, frontier: 12, counts: { ...noCounts, acked: 5 } };
const move = {
  topic: "t.dead",
  partition: 1,
  producerId: 4000,
  producerEpoch: 2,
  baseSequence: 9,
  offsets: [3, 8],
  atMs: 1_700_000_000_000,
};
const full = fateOf({
  phase: "leaving",
  deliveries: 3,
  dueMs: 1_700_000_000_000,
  expiresAtMs: 1_800_000_000_000,
  priority: 9,
  keyHash: 4_294_967_295,
  owner: "member",
  reason: "it did not work: é",
  bytes: 12.5,
});

const events: readonly ShareEvent[] = [
  { kind: "group", group: "g", settings: { leaseMs: 5000, maxDepth: null, topic: "t" } },
  { kind: "group", group: "g", settings: {} },
  { kind: "group", group: "g", settings: null },
  { kind: "partition", ...place, header },
  { kind: "partition", ...place, header: null },
  { kind: "run", ...place, first: 5, last: 9, fate: fateOf() },
  { kind: "run", ...place, first: 0, last: 0, fate: full },
  { kind: "run", ...place, first: 5, last: 9, fate: null },
  {
    kind: "runs",
    ...place,
    runs: [
      { first: 7, last: 7, fate: full },
      { first: 8, last: 20, fate: null },
      { first: 2, last: 3, fate: fateOf() },
    ],
  },
  { kind: "move", ...place, move },
  { kind: "move", ...place, move: null },
];

function decoded(key: object, value: object | null): ShareEvent | null {
  const encoded = jsonEvent(key, value);
  return decodeShareEvent(encoded.key, encoded.value);
}

describe("share events", () => {
  test.each(events)("there and back: $kind", (event) => {
    const { key, value } = encodeShareEvent(event);
    expect(decodeShareEvent(key, value)).toEqual(event);
  });

  test("a fate as it is by default: is its bytes alone", () => {
    const event: ShareEvent = { kind: "run", ...place, first: 5, last: 5, fate: fateOf() };
    const { value } = encodeShareEvent(event);
    expect(JSON.parse(Buffer.from(value ?? []).toString())).toEqual({ version: 1, bytes: 10 });
  });

  test("kinds and versions of a newer program: null", () => {
    expect(decoded({ kind: "later", group: "g" }, { version: 1 })).toBeNull();
    expect(decoded({ kind: "later" }, { version: 1 })).toBeNull();
    expect(decoded({ kind: "group", group: "g" }, { version: 2, settings: 5 })).toBeNull();
    expect(decoded({ kind: "run", ...place }, { version: 2 })).toBeNull();
    expect(decoded({ kind: "runs", ...place }, { version: 2 })).toBeNull();
  });

  test("a field that is not known: does not keep an event from being read", () => {
    const value = { version: 1, ...header, more: true };
    expect(decoded({ kind: "partition", ...place }, value)).toEqual(events[3]);
  });

  test("packed runs: a field of a fate that is not known gets nowhere, however it is called", () => {
    const fates = [{ bytes: "many", dueMs: 7, more: true, deliveries: 1 }];
    const value = { version: 1, fates, runs: [[0, 1, 0, 10]] };
    const fate = fateOf({ deliveries: 1, bytes: 10 });
    const runs = [{ first: 4, last: 4, fate }];
    const key = { kind: "runs", ...place, first: 4 };
    expect(decoded(key, value)).toEqual({ kind: "runs", ...place, runs });
  });

  test("packed runs: as long as an event may be, settled ones longer, both ends of all offsets", () => {
    const most = Number.MAX_SAFE_INTEGER;
    const long = 2 ** 27;
    const event: ShareEvent = {
      kind: "runs",
      ...place,
      runs: [
        { first: 0, last: long - 2, fate: fateOf() },
        { first: long - 1, last: most - 1, fate: null },
        { first: most, last: most, fate: fateOf() },
      ],
    };
    const { key, value } = encodeShareEvent(event);
    expect(decodeShareEvent(key, value)).toEqual(event);
  });

  test.each<[string, object, object | null]>([
    ["no kind", { group: "g" }, null],
    ["no partition", { kind: "run", group: "g", topic: "t", first: 0, last: 0 }, null],
    ["no offsets", { kind: "run", ...place }, null],
    ["no version", { kind: "group", group: "g" }, { settings: {} }],
    ["no settings", { kind: "group", group: "g" }, { version: 1 }],
    ["a header without counts", { kind: "partition", ...place }, { version: 1, topicId: "id" }],
    ["offsets that go back", { kind: "run", ...place, first: 1, last: 0 }, null],
    ["offsets below 0", { kind: "run", ...place, first: -1, last: 0 }, null],
    [
      "offsets beyond 2^53",
      { kind: "run", ...place, first: 2 ** 53, last: 2 ** 53 },
      { version: 1, bytes: 1 },
    ],
    [
      "more offsets than a table of runs can hold",
      { kind: "run", ...place, first: 0, last: 2 ** 40 },
      { version: 1, bytes: 1 },
    ],
    ["a fate without bytes", { kind: "run", ...place, first: 0, last: 0 }, { version: 1 }],
    [
      "a phase that is none",
      { kind: "run", ...place, first: 0, last: 0 },
      { version: 1, bytes: 1, phase: "x" },
    ],
    ["a run without an end", { kind: "run", ...place, first: 0 }, { version: 1, bytes: 1 }],
    ["runs that are none", { kind: "runs", ...place, first: 0 }, { version: 1, fates: [] }],
    [
      "a run with a fate that is not told",
      { kind: "runs", ...place, first: 0 },
      { version: 1, fates: [], runs: [[0, 1, 0, 10]] },
    ],
    ...[
      ["below 0", [[-1, 2, 0, 10]]],
      [
        "below 0 after another",
        [
          [0, 1],
          [-9, 2, 0, 10],
        ],
      ],
      ["beyond 2^53", [[2 ** 53, 1, 0, 10]]],
      ["up to beyond 2^53", [[2 ** 53 - 10, 20]]],
      ["between two offsets", [[0.5, 1, 0, 10]]],
      ["of half a record", [[0, 0.5]]],
      ["of no record", [[0, 0, 0, 10]]],
      ["of fewer records than none", [[8, -4]]],
      ["longer than a table of runs can hold", [[0, 2 ** 27 + 1, 0, 10]]],
      [
        "together longer than that",
        [
          [0, 2 ** 27, 0, 10],
          [0, 1, 0, 10],
        ],
      ],
      [
        "together longer than that, on each other",
        [
          [0, 2 ** 27, 0, 10],
          [-(2 ** 27), 1, 0, 10],
        ],
      ],
    ].map(([what, runs]): [string, object, object] => [
      `packed runs ${String(what)}`,
      { kind: "runs", ...place, first: 0 },
      { version: 1, fates: [{}], runs },
    ]),
    ["a move without offsets", { kind: "move", ...place }, { version: 1, ...move, offsets: null }],
  ])("broken: %s: KAFKA_STORAGE_ERROR", (_, key, value) => {
    expect(() => decoded(key, value)).toThrow(
      expect.objectContaining({ code: "KAFKA_STORAGE_ERROR" }),
    );
  });
});
