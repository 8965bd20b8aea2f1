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

test("file pins: a change waits until nobody holds them, and nobody can take them meanwhile", async () => {
  const pins = new FilePins();
  const letGo = pins.take();
  const seen: string[] = [];
  let end = (): void => undefined;
  const change = (name: string) => async (): Promise<void> => {
    seen.push(`${name} begins`);
    await new Promise<void>((resolve) => (end = resolve));
    seen.push(`${name} ends`);
  };
  const first = pins.change(change("first"));
  const second = pins.change(change("second"));
  await settle();
  expect([seen, pins.areChanging]).toEqual([[], false]);
  letGo();
  await settle();
  expect([seen, pins.areChanging]).toEqual([["first begins"], true]);
  expect(() => pins.take()).toThrow(/changing/);
  let isSettled = false;
  void pins.settled().then(() => (isSettled = true));
  await settle();
  expect(isSettled).toBe(false);
  end();
  await first;
  await settle();
  expect(seen).toEqual(["first begins", "first ends", "second begins"]);
  end();
  await second;
  await settle();
  expect([isSettled, pins.areChanging]).toEqual([true, false]);
  pins.take()();
});
