// Every rule of the checker against a history that keeps it and one that breaks it, no other way than this.

import { describe, expect, test } from "vitest";
import { queues } from "./queue-cases.ts";
import { type Case, content, Story } from "./story.ts";

const story = (): Story => new Story();

// A send that is answered after the power has failed.
const slow = ({ durable }: { readonly durable: boolean }): Story => {
  const send = { type: "send", op: 900, place: "t/0", mode: "plain", transaction: null } as const;
  const told = story()
    .tell({ ...send, durable, contents: [content("a")] })
    .stop("power");
  return told.tell({ type: "sent", op: 900, baseOffset: 0 });
};
const unsynced = (): Story => story().tell({ type: "unsynced", place: "t/0" });

const records: readonly Case[] = [
  [
    "an offset has one record for ever",
    story().send(["a"], 0).read({ 0: "a" }),
    story().send(["a"], 0).send(["b"], null).read({ 0: "b" }),
  ],
  [
    "an offset has one record for ever",
    story().send(["a"], 0, { durable: false }).stop("power").send(["b"], 0),
    story().send(["a"], 0, { durable: false }).stop("kill").send(["b"], null).read({ 0: "b" }),
  ],
  [
    "an offset has one record for ever",
    slow({ durable: false }).send(["b"], 0),
    slow({ durable: true }).send(["b"], 0),
  ],
  [
    "nothing is invented or changed",
    story().send(["a"], null).read({ 0: "a" }),
    story()
      .send(["a"], null)
      .read({ 0: content("a", null, 1001) }),
  ],
  [
    "an offset has one record for ever",
    unsynced().send(["a", "b"], 0).stop("power").send(["c"], 1),
    unsynced().send(["a", "b"], 0).stop("kill").send(["c"], 1),
  ],
  [
    "acknowledged records stay",
    unsynced().send(["a", "b"], 0).stop("power").read({ 1: "b" }),
    unsynced().send(["a", "b"], 0).stop("kill").read({ 1: "b" }),
  ],
  [
    "a record is there as often as it was sent",
    story().send(["a"], null).send(["a"], 1).read({ 0: "a", 1: "a" }),
    story().send(["a"], 1).read({ 0: "a", 1: "a" }),
  ],
  [
    "a record is there as often as it was sent",
    story().send(["a"], null, { mode: "idempotent" }).send(["a"], 0, { mode: "idempotent" }),
    story()
      .send(["a"], null, { mode: "idempotent" })
      .send(["a"], 1, { mode: "idempotent" })
      .read({ 0: "a", 1: "a" }),
  ],
  [
    "records are in the order of their answers",
    story().send(["a"], 0).send(["b"], 1),
    story().send(["a"], 1).send(["b"], 0),
  ],
  [
    "acknowledged records stay",
    story().send(["a", "b"], 0).stop("power").read({ 0: "a", 1: "b" }),
    story().send(["a", "b"], 0).stop("power").read({ 1: "b" }),
  ],
  [
    "what a stop took stays away",
    story().send(["a"], null).stop("kill").read({ 0: "a" }),
    story().send(["a"], null).stop("kill").read({}).send(["b"], 0).read({ 0: "b", 1: "a" }),
  ],
  [
    "the high watermark never goes back",
    story().send(["a", "b"], 0).read({ 0: "a" }, { highWatermark: 2 }),
    story().send(["a", "b"], 0).read({ 0: "a" }, { highWatermark: 1 }),
  ],
  [
    "the log start never goes back",
    story().tell({ type: "trim", place: "t/0", offset: 1 }).read({}, { logStart: 1, from: 1 }),
    story()
      .send(["a", "b"], 0)
      .tell({ type: "trim", place: "t/0", offset: 1 })
      .read({ 1: "b" }, { logStart: 1, from: 1 })
      .read({ 0: "a", 1: "b" }),
  ],
  [
    "the log start never goes back",
    story()
      .send(["a", "b"], 0)
      .tell({ type: "trim", place: "t/0", offset: 1 })
      .stop("power")
      .read({ 0: "a", 1: "b" }),
    story()
      .send(["a", "b"], 0)
      .tell({ type: "trim", place: "t/0", offset: 1 })
      .read({ 1: "b" }, { logStart: 1, from: 1 })
      .stop("power")
      .read({ 0: "a", 1: "b" }),
  ],
  [
    "positions are in order",
    story().read({}),
    story().read({}, { highWatermark: 0, stableEnd: 1 }),
  ],
  [
    "only what may go is removed",
    story()
      .send(["a", "b"], 0)
      .tell({ type: "trim", place: "t/0", offset: 1 })
      .read({ 1: "b" }, { from: 1, logStart: 1 }),
    story().send(["a", "b"], 0).read({ 1: "b" }, { from: 1, logStart: 1 }),
  ],
  [
    "only what may go is removed",
    story()
      .tell({ type: "retention", place: "t/0", keepMs: 500 })
      .send(["a"], 0)
      .pass(1000)
      .read({}, { from: 1, logStart: 1, highWatermark: 1 }),
    story()
      .tell({ type: "retention", place: "t/0", keepMs: 500 })
      .send(["a"], 0)
      .read({}, { from: 1, logStart: 1, highWatermark: 1 }),
  ],
  [
    "only what may go is removed",
    story()
      .tell({ type: "retention", place: "t/0", keepMs: 500 })
      .send(["a"], 0)
      .wall(-10_000)
      .pass(1000)
      .read({}, { from: 1, logStart: 1, highWatermark: 1 }),
    story()
      .tell({ type: "retention", place: "t/0", keepMs: 500 })
      .send(["a"], 0)
      .wall(-10_000)
      .pass(400)
      .read({}, { from: 1, logStart: 1, highWatermark: 1 }),
  ],
  [
    "nobody sees what is not durable",
    story().send(["a"], null).read({ 0: "a" }, { highWatermark: 1 }),
    story().send(["a"], null).read({ 0: "a" }, { highWatermark: 0 }),
  ],
  [
    "what can be read is read",
    story().send(["a"], 0).read({ 0: "a" }),
    story().send(["a"], 0).read({}, { highWatermark: 1 }),
  ],
  [
    "a search by time finds the first record that is not older",
    story()
      .send([content("a", null, 5), content("b", null, 9)], 0)
      .search(6, 1)
      .search(10, -1),
    story()
      .send([content("a", null, 5), content("b", null, 9)], 0)
      .search(5, 1),
  ],
  [
    "a search by time finds the first record that is not older",
    story()
      .send([content("a", null, 5)], 0)
      .search(6, -1),
    story()
      .send([content("a", null, 5)], 0)
      .search(6, 0),
  ],
];

const x = { mode: "transactional", transaction: "x" } as const;
const only = { committedOnly: true } as const;

const transactions: readonly Case[] = [
  [
    "a transaction has one outcome",
    story().send(["a"], 0, x).end("x", "commit").read({ 0: "a" }, only),
    story()
      .send(["a"], 0, x)
      .end("x", "commit")
      .read({}, { ...only, end: 1 }),
  ],
  [
    "a transaction has one outcome",
    story()
      .send(["a"], 0, x)
      .end("x", "abort")
      .read({}, { ...only, end: 1 }),
    story().send(["a"], 0, x).end("x", "abort").read({ 0: "a" }, only),
  ],
  [
    "a transaction has one outcome",
    story()
      .send(["a"], 0, x)
      .send(["b"], 0, { ...x, place: "u/0" })
      .end("x", "commit", false)
      .read({ 0: "a" }, only)
      .read({ 0: "b" }, { ...only, place: "u/0" }),
    story()
      .send(["a"], 0, x)
      .send(["b"], 0, { ...x, place: "u/0" })
      .end("x", "commit", false)
      .read({ 0: "a" }, only)
      .read({}, { ...only, place: "u/0", end: 1 }),
  ],
  [
    "a transaction is committed when asked",
    story().send(["a"], 0, x).end("x", "commit", false).read({ 0: "a" }, only),
    story().send(["a"], 0, x).read({ 0: "a" }, only),
  ],
];

// A commit that is answered late.
const slowly = (): Story => {
  const write = { type: "write", op: 900, register: "g t/0", value: 1, transaction: null } as const;
  return story().tell(write);
};

const registers: readonly Case[] = [
  [
    "a committed offset is never taken back",
    story().write(1).write(2).stop("power").look(2),
    story().write(1).write(2).stop("power").look(1),
  ],
  [
    "a committed offset is never taken back",
    story().write(1).write(2, false).look(1).look(2),
    story().write(1).write(2, false).look(3),
  ],
  [
    "a committed offset is never taken back",
    story().write(1).write(2, true, "x").end("x", "abort").look(1),
    story().write(1).write(2, true, "x").end("x", "abort").look(2),
  ],
  [
    "a committed offset is never taken back",
    story().write(1).write(2, true, "x").end("x", "commit").look(2),
    story().write(1).write(2, true, "x").end("x", "commit").look(1),
  ],
  [
    "a committed offset is never taken back",
    slowly().write(2, false).stop("kill").tell({ type: "written", op: 900 }).look(2),
    slowly().write(2, false).tell({ type: "written", op: 900 }).write(4).stop("kill").look(1),
  ],
];

const assigned = (member: string, partitions: readonly string[]) =>
  ({ type: "assigned", group: "g", member, partitions, untilMs: 1000 }) as const;
const letGo = { type: "let-go", group: "g", member: "one", kept: [] } as const;

const groups: readonly Case[] = [
  [
    "a partition has one reader in a group",
    story()
      .tell(assigned("one", ["t/0"]))
      .tell(letGo)
      .tell(assigned("two", ["t/0"])),
    story()
      .tell(assigned("one", ["t/0"]))
      .tell(assigned("two", ["t/0"])),
  ],
  [
    "a partition has one reader in a group",
    story()
      .tell(assigned("one", ["t/0"]))
      .pass(2000)
      .tell(assigned("two", ["t/0"])),
    story()
      .tell(assigned("one", ["t/0"]))
      .tell(assigned("one", []))
      .tell(assigned("two", ["t/0"])),
  ],
];

const all = { records, transactions, registers, groups, queues };

for (const [part, cases] of Object.entries(all)) {
  describe(`checker: ${part}`, () => {
    test.each(cases.map(([rule, good, bad], index) => ({ rule, good, bad, index })))(
      "$rule ($index)",
      ({ rule, good, bad }) => {
        expect(good.rules).toEqual([]);
        expect(bad.rules).toEqual([rule]);
      },
    );
  });
}

test("checker: a server that does what no server may", () => {
  expect(story().tell({ type: "broken", what: "it stands still" }).rules).toEqual([
    "the server works",
  ]);
});
