import { expect, test } from "vitest";
import { FilePins } from "../../src/log/file-pins.ts";
import { settle } from "../support/fake-clock.ts";

test("file pins: free when the last one lets go; letting go twice counts once", async () => {
  const pins = new FilePins();
  await pins.free();
  const [first, second] = [pins.take(), pins.take()];
  let isFree = false;
  void pins.free().then(() => (isFree = true));
  first();
  first();
  await settle();
  expect([pins.areHeld, isFree]).toEqual([true, false]);
  second();
  await settle();
  expect([pins.areHeld, isFree]).toEqual([false, true]);
});

test("file pins: whoever waits goes on waiting when they are taken again in the same turn", async () => {
  const pins = new FilePins();
  const first = pins.take();
  let isFree = false;
  void pins.free().then(() => (isFree = true));
  await settle();
  first();
  const second = pins.take();
  await settle();
  expect(isFree).toBe(false);
  second();
  await settle();
  expect(isFree).toBe(true);
});
