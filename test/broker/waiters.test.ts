import { expect, test } from "vitest";
import { WaiterSet } from "../../src/broker/waiters.ts";

test("waiters: removed while others are told: is not told any more", () => {
  const waiters = new WaiterSet();
  const told: string[] = [];
  const second = { notify: () => told.push("second") };
  const first = {
    notify: () => {
      told.push("first");
      waiters.remove(first);
      waiters.remove(second);
    },
  };
  waiters.add(first);
  waiters.add(first);
  waiters.add(second);
  waiters.notifyAll();
  expect(told).toEqual(["first"]);
  expect(waiters.count).toBe(0);
});
