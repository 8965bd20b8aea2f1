// The audit of the tortures against a server that kept every promise, and a ledger that was told a lie: an audit that
// finds nothing may be one that cannot.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { prepareCompression } from "../../src/record/compression.ts";
import { freePort, ServerProcess } from "../support/server-process.ts";
import { audit, queueProblems } from "./audit.ts";
import { eraOf } from "./era.ts";
import { clientsOf, createEra } from "./eras.ts";
import { tortureFlags } from "./kill-torture.ts";
import { Ledger, type MessageFacts } from "./ledger.ts";
import { Load, LoadContext, sleep } from "./load.ts";

const dataDir = mkdtempSync(join(tmpdir(), "varve-audit-"));
const era = eraOf("audited", 2);
const ledger = new Ledger();
const endpoints = { url: "", kafka: "" };
let server: ServerProcess;

beforeAll(async () => {
  await prepareCompression();
  const [port, kafkaPort] = [await freePort(), await freePort()];
  endpoints.url = `http://127.0.0.1:${port}`;
  endpoints.kafka = `127.0.0.1:${kafkaPort}`;
  server = await ServerProcess.start({ dataDir, port, flags: tortureFlags(kafkaPort) });
  const context = new LoadContext({ ledger, random: seededRandom(1), endpoints, era });
  await createEra(context);
  const load = new Load(context, clientsOf("audited", { producers: 1, partitions: 2 }));
  while (!hasEnough()) await sleep(100);
  await load.stop();
}, 60_000);

afterAll(async () => {
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

// Something of everything that the lies are about.
function hasEnough(): boolean {
  const isCommitted = ledger.transactions.some(({ committedAt, values }) => {
    return committedAt < Infinity && values.length > 0;
  });
  const hasCommits = [...ledger.commits.values()].some(({ asked }) => asked >= 0);
  return isCommitted && hasCommits && plain().has(0) && messages().size > 0;
}

async function problems(): Promise<readonly string[]> {
  const scope = { endpoints, eras: [era], upTo: ledger.now, isLive: true };
  return (await audit(ledger, scope)).problems;
}

function first<Value>(values: Iterable<Value>): Value {
  for (const value of values) return value;
  throw new Error("the load left nothing to lie about");
}

const plain = () => ledger.partitionOf({ topic: era.plain, partition: 0 }).known;
const transaction = (is: (each: Ledger["transactions"][number]) => boolean) =>
  first(ledger.transactions.filter((each) => each.values.length > 0 && is(each)));
const messages = () => ledger.queueOf(era.queue);

// Tells the lie; answers how to take it back.
const lies: readonly (readonly [string, RegExp, () => () => void])[] = [
  [
    "a record that was never acknowledged",
    /: 1000000 is lost$/,
    () => {
      plain().set(1_000_000, { value: "x", at: 1 });
      return () => plain().delete(1_000_000);
    },
  ],
  [
    "another record at its offset",
    /plain.*: 0 changed$/,
    () => {
      const before = plain().get(0);
      plain().set(0, { value: "x", at: 1 });
      return () => plain().set(0, before ?? { value: "", at: Infinity });
    },
  ],
  [
    "a topic that was never made",
    /^topic never is lost$/,
    () => {
      ledger.creating("never", 1).createdAt = 1;
      return () => ledger.topics.delete("never");
    },
  ],
  [
    "a topic that was deleted",
    /is back after it was deleted$/,
    () => {
      const facts = first(ledger.topics.values());
      facts.deletedAt = 1;
      return () => void (facts.deletedAt = Infinity);
    },
  ],
  [
    "an offset that was never committed",
    /committed 1000000, now \d+$/,
    () => {
      const facts = ledger.commitsOf(era.group, 0);
      facts.answered.push({ offset: 1_000_000, at: 1 });
      return () => facts.answered.pop();
    },
  ],
  [
    "a commit that nobody asked for",
    /was never committed$/,
    () => {
      const facts = first([...ledger.commits.values()].filter(({ asked }) => asked >= 0));
      const { asked, answered } = facts;
      Object.assign(facts, { asked: -1, answered: [] });
      return () => Object.assign(facts, { asked, answered });
    },
  ],
  [
    "a transaction that was aborted after all",
    /nobody asked for it$/,
    () => {
      const facts = transaction(({ committedAt }) => committedAt < Infinity);
      const { committingAt, committedAt } = facts;
      Object.assign(facts, { committingAt: Infinity, committedAt: Infinity });
      return () => Object.assign(facts, { committingAt, committedAt });
    },
  ],
  [
    "a record of a transaction that it never had",
    /of \d+ records committed$/,
    () => {
      const facts = transaction(({ committedAt }) => committedAt < Infinity);
      facts.values.push("x");
      return () => facts.values.pop();
    },
  ],
  [
    "a transaction that was seen otherwise before",
    /was aborted before$/,
    () => {
      const facts = transaction(({ committedAt }) => committedAt < Infinity);
      const { seenAs } = facts;
      facts.seenAs = "aborted";
      return () => void (facts.seenAs = seenAs);
    },
  ],
];

test("the truth: no problem", async () => {
  expect(await problems()).toEqual([]);
});

test.each(lies)("%s: is found", async (_what, expected, lie) => {
  const takeBack = lie();
  try {
    const found = await problems();
    expect(found.some((each) => expected.test(each))).toBe(true);
  } finally {
    takeBack();
  }
  expect(await problems()).toEqual([]);
});

test("messages: what came, what died and what was settled are held to each other", () => {
  const facts: MessageFacts = {
    value: "m",
    sentAt: 1,
    settlingAt: Infinity,
    settledAt: Infinity,
    settledAs: null,
    deliveries: 1,
    heldUntilMs: 0,
  };
  const acked = { ...facts, settlingAt: 2, settledAt: 3, settledAs: "ack" } as const;
  const rejected = { ...acked, settledAs: "reject" } as const;
  const found = (of: MessageFacts, came: readonly string[], dead: readonly string[]) =>
    queueProblems(new Map([["m", of]]), { came: new Set(came), dead, upTo: 9 }).length;
  expect([found(facts, ["m"], []), found(facts, [], ["m"]), found(acked, [], [])]).toEqual([
    0, 0, 0,
  ]);
  expect([found(rejected, [], ["m"]), found({ ...facts, settlingAt: 4 }, [], [])]).toEqual([0, 0]);
  const lost = [found(facts, [], []), found(rejected, [], [])];
  const twice = [found(acked, ["m"], []), found(acked, [], ["m"]), found(facts, [], ["m", "m"])];
  expect([...lost, ...twice, found(facts, ["m", "other"], [])]).toEqual([1, 1, 1, 1, 1, 1]);
});

test("the ledger: two records at one offset are a problem", () => {
  const told = new Ledger();
  const place = { topic: "t", partition: 0 };
  told.know(place, [{ offset: 0, text: "a" }], true);
  told.know(place, [{ offset: 0, text: "a" }], false);
  expect(told.problems).toEqual([]);
  told.know(place, [{ offset: 0, text: "b" }], false);
  expect(told.problems).toEqual(["t-0: 0 has two records"]);
  expect(messages().size).toBeGreaterThan(0);
});
