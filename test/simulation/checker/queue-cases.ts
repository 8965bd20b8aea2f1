// Every rule about queues against a history that keeps it and one that breaks it, no other way than this.

import { contentText } from "../history.ts";
import { type Case, content, Story } from "./story.ts";

const story = (): Story => new Story();

const sent = (): Story => story().queue().send(["a", "b"], 0);
const keyed = (): Story =>
  story()
    .queue("key")
    .send([content("A", "k"), content("B", "k")], 0);

// Stories begin at the time 1000.
const brief = contentText({
  value: "brief",
  key: null,
  timestampMs: 1000,
  headers: [["varve-expires-at", "1500"]],
});

// An answer that was slow, to a receive that began before others.
const late = {
  type: "received",
  op: 900,
  leaseMs: 1000,
  messages: [{ partition: 0, offset: 1, deliveries: 1, content: content("B", "k") }],
} as const;

/** Rules, histories that keep them, histories that break them. */
export const queues: readonly Case[] = [
  [
    "a record is held by one at a time",
    sent().receive({ 0: 1 }).pass(1000).receive({ 0: 2 }),
    sent().receive({ 0: 1 }).pass(900).receive({ 0: 2 }),
  ],
  [
    "a record is held by one at a time",
    sent().receive({ 0: 1 }).settle("nack", 0, {}).receive({ 0: 2 }),
    sent().receive({ 0: 1 }).settle("extend", 0, { waitMs: 5000 }).pass(2000).receive({ 0: 2 }),
  ],
  [
    "a record is held by one at a time",
    sent().receive({ 0: 1 }).wall(2000).tell({ type: "started" }).wall(-2000).receive({ 0: 2 }),
    sent().receive({ 0: 1 }).stop("power").receive({ 0: 2 }),
  ],
  [
    "a record is held by one at a time",
    sent().stop("kill").receive({ 0: 1 }).wall(2000).stop("kill").wall(-2000).receive({ 0: 2 }),
    sent().stop("kill").receive({ 0: 1 }).wall(2000).receive({ 0: 2 }),
  ],
  [
    "a record is held by one at a time",
    sent().receive({ 0: 1 }).stop("kill").wall(-9000).pass(1000).receive({ 0: 2 }),
    sent().receive({ 0: 1 }).stop("kill").wall(-9000).pass(900).receive({ 0: 2 }),
  ],
  [
    "an acknowledged record is done",
    sent().receive({ 0: 1 }).settle("ack", 0, { isHeld: null }).pass(2000).receive({ 0: 2 }),
    sent().receive({ 0: 1 }).settle("ack", 0, {}).pass(2000).receive({ 0: 2 }),
  ],
  [
    "an acknowledged record is done",
    sent().receive({ 0: 1 }).settle("reject", 0, {}).letter(0, 0, "a"),
    sent().receive({ 0: 1 }).settle("ack", 0, {}).letter(0, 0, "a"),
  ],
  [
    "a rejected record is done",
    sent().receive({ 0: 1 }).settle("nack", 0, {}).receive({ 0: 2 }),
    sent().receive({ 0: 1 }).settle("reject", 0, {}).receive({ 0: 2 }),
  ],
  [
    "each delivery counts",
    sent().receive({ 0: 1 }).pass(2000).receive({ 0: 2 }),
    sent().receive({ 0: 1 }).pass(2000).receive({ 0: 1 }),
  ],
  [
    "each delivery counts once",
    sent().receive({ 0: 1 }).pass(2000).receive(null).pass(2000).receive({ 0: 3 }),
    sent().receive({ 0: 1 }).pass(2000).receive({ 0: 3 }),
  ],
  [
    "a record is delivered so often and no more",
    sent().receive(null).receive(null).receive({ 0: 3 }),
    sent().receive(null).receive(null).receive(null).receive({ 0: 4 }),
  ],
  [
    "what has expired is not delivered",
    story().queue().send([brief], 0).receive({ 0: 1 }, [brief]),
    story().queue().send([brief], 0).pass(1000).receive({ 0: 1 }, [brief]),
  ],
  [
    "only who holds a record settles it",
    sent().receive({ 0: 1 }).pass(2000).receive({ 0: 2 }).settle("ack", 0, { isHeld: false }),
    sent().receive({ 0: 1 }).pass(2000).receive({ 0: 2 }).settle("ack", 0, {}),
  ],
  [
    "a receipt holds while its lease does",
    sent().receive({ 0: 1 }).pass(2000).settle("ack", 0, { isHeld: false }),
    sent().receive({ 0: 1 }).pass(500).settle("ack", 0, { isHeld: false }),
  ],
  [
    "a delivery is settled once",
    sent().receive({ 0: 1 }).settle("nack", 0, {}).settle("ack", 0, { isHeld: false }),
    sent().receive({ 0: 1 }).settle("nack", 0, {}).settle("ack", 0, {}),
  ],
  [
    "a dead letter is a record of its queue",
    sent().receive({ 0: 1 }).settle("reject", 0, {}).letter(0, 0, "a"),
    sent().receive({ 0: 1 }).settle("reject", 0, {}).letter(0, 0, "b"),
  ],
  [
    "a record dies once",
    sent().letter(0, 0, "a").letter(1, 1, "b"),
    sent().letter(0, 0, "a").letter(1, 0, "a"),
  ],
  [
    "every record of a queue is delivered until it is done",
    sent()
      .receive({ 0: 1, 1: 1 })
      .settle("ack", 0, {})
      .settle("ack", 1, {})
      .tell({ type: "drained", queue: "q" }),
    sent().receive({ 0: 1 }).settle("ack", 0, {}).tell({ type: "drained", queue: "q" }),
  ],
  [
    "a rejected record is a dead letter",
    story()
      .queue()
      .send(["a"], 0)
      .receive({ 0: 1 })
      .settle("reject", 0, {})
      .letter(0, 0, "a")
      .tell({ type: "drained", queue: "q" }),
    story()
      .queue()
      .send(["a"], 0)
      .receive({ 0: 1 })
      .settle("reject", 0, {})
      .tell({ type: "drained", queue: "q" }),
  ],
  [
    "records of a key are held one at a time",
    keyed().receive({ 0: 1 }, "AB").settle("ack", 0, {}).receive({ 1: 1 }, "AB"),
    keyed().receive({ 0: 1 }, "AB").receive({ 1: 1 }, "AB"),
  ],
  [
    "records of a key are held one at a time",
    keyed()
      .tell({ type: "receive", op: 900, queue: "q" })
      .pass(1000)
      .receive({ 0: 1 }, "AB")
      .tell(late),
    keyed().tell({ type: "receive", op: 900, queue: "q" }).receive({ 0: 1 }, "AB").tell(late),
  ],
  [
    "records of a key come in order",
    keyed().receive({ 0: 1 }, "AB").settle("ack", 0, {}).receive({ 1: 1 }, "AB"),
    keyed().receive({ 1: 1 }, "AB"),
  ],
];
