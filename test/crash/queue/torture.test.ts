import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { QueueLedger } from "./queue-ledger.ts";
import { tortureQueue } from "./queue-torture.ts";

test("queue: killed in the middle of its work: all is settled, nothing twice, keys in order", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-queue-"));
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  const size = { messages: 3000, producers: 4, workers: 20, kills: 2, leaseMs: 1000 };
  const facts = await tortureQueue({ dataDir, seed, order: "key", ...size });
  expect(facts.problems).toEqual([]);
  expect(facts.kills).toBe(2);
  expect(facts.acked).toBeGreaterThan(size.messages / 2);
  expect(facts.dead).toBeGreaterThan(0);
  rmSync(dataDir, { recursive: true, force: true });
}, 120_000);

describe("queue ledger: finds", () => {
  const messages = ["a", "b", "c"].map((name, sequence) => {
    return { value: `${name} ${sequence}`, key: "k", sequence };
  });
  const [one, two, three] = messages as [(typeof messages)[0], (typeof messages)[0], never];
  const ledgerOf = (): QueueLedger => {
    const ledger = new QueueLedger(true);
    for (const message of [one, two]) {
      ledger.sending(message);
      ledger.sent(message);
    }
    return ledger;
  };
  const seen = ({ value }: { readonly value: string }, deliveries: number) => {
    return { value, deliveries, isHeld: true };
  };

  test("a delivery after the ack", () => {
    const ledger = ledgerOf();
    ledger.delivered(seen(one, 1));
    ledger.ackEnded(one.value, 1, true);
    expect(ledger.problems).toEqual([]);
    ledger.delivered(seen(one, 2));
    expect(ledger.problems).toEqual(["'a 0' came as 2, acknowledged as 1"]);
  });

  test("an earlier one of a key after a later one", () => {
    const ledger = ledgerOf();
    ledger.delivered(seen(two, 1));
    ledger.delivered(seen(one, 1));
    expect(ledger.problems).toEqual(["'a 0' came after number 1 of its key"]);
  });

  test("a count that goes back, and what nobody sent", () => {
    const ledger = ledgerOf();
    ledger.delivered(seen(one, 2));
    ledger.delivered(seen(one, 1));
    ledger.delivered(seen(three, 1));
    expect(ledger.problems).toEqual(["'a 0' came as 1 after 2", "'c 2' was never sent"]);
  });

  test("what is lost, dead twice, or dead and acknowledged", () => {
    const ledger = ledgerOf();
    ledger.ackEnded(two.value, 1, true);
    ledger.buried([two.value, two.value]);
    expect(ledger.problems).toEqual([
      "'b 1' was acknowledged and died",
      "'b 1' has two dead letters",
      "'b 1' was acknowledged and died",
      "'a 0' is lost",
    ]);
  });

  test("nothing where an answer was lost", () => {
    const ledger = ledgerOf();
    ledger.ackEnded(one.value, 1, null);
    ledger.delivered(seen(one, 2));
    ledger.buried([two.value]);
    expect(ledger.problems).toEqual([]);
  });
});
