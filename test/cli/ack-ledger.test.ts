import fc from "fast-check";
import { expect, test } from "vitest";
import { AckLedger } from "../../src/cli/ack-ledger.ts";

test("ack ledger: chunks acknowledged in any order: the prefix ends before the first gap", () => {
  const plan = fc.array(fc.record({ records: fc.integer({ min: 1, max: 9 }), order: fc.nat() }));
  fc.assert(
    fc.property(plan, (chunks) => {
      const ledger = new AckLedger();
      const done = chunks.map(({ records }) => ledger.add(records));
      const isDone = chunks.map(() => false);
      const order = chunks.map((_, index) => index);
      order.sort((a, b) => (chunks[a]?.order ?? 0) - (chunks[b]?.order ?? 0));
      for (const index of order) {
        done[index]?.();
        isDone[index] = true;
        const gap = isDone.indexOf(false);
        const before = chunks.slice(0, gap < 0 ? chunks.length : gap);
        expect(ledger.prefix).toBe(before.reduce((sum, one) => sum + one.records, 0));
      }
      expect(ledger.acknowledged).toBe(ledger.prefix);
    }),
  );
});

test("ack ledger: a long run: goes on counting when it has forgotten what is done", () => {
  const ledger = new AckLedger();
  const held = ledger.add(1);
  for (let chunk = 0; chunk < 3_000; chunk++) ledger.add(2)();
  expect(ledger.prefix).toBe(0);
  held();
  for (let chunk = 0; chunk < 3_000; chunk++) ledger.add(2)();
  expect(ledger.prefix).toBe(12_001);
});
