import { expect, test } from "vitest";
import { producerSettings } from "../../src/client/producer-options.ts";

test("defaults: idempotent with acks all, and only then", () => {
  expect(producerSettings({ topic: "t" })).toMatchObject({ acks: "all", idempotent: true });
  expect(producerSettings({ topic: "t", acks: 1 }).idempotent).toBe(false);
  expect(producerSettings({ topic: "t", acks: 0 }).idempotent).toBe(false);
  expect(producerSettings({ topic: "t", idempotent: false }).idempotent).toBe(false);
});

test("what is given stands; an idempotent producer with other acks is refused", () => {
  const given = { topic: "t", lingerMs: 7, batchBytesMax: 9, haltOnError: true };
  expect(producerSettings(given)).toMatchObject(given);
  for (const acks of [0, 1] as const) {
    expect(() => producerSettings({ topic: "t", acks, idempotent: true })).toThrow(/acks 'all'/);
  }
});
