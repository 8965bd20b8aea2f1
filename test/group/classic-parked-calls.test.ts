import { expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { ParkedCalls } from "../../src/group/classic-parked-calls.ts";
import { codeOf } from "../support/group-world.ts";

const replaced = new LogError("REBALANCE_IN_PROGRESS", "again");
const gone = new LogError("UNKNOWN_MEMBER_ID", "gone");

test("parked calls: one for each member; a second of the same ends the first", async () => {
  const calls = new ParkedCalls<string>();
  const first = calls.park("a", replaced);
  const second = calls.park("a", replaced);
  expect(await codeOf(first.answer)).toBe("REBALANCE_IN_PROGRESS");
  expect([calls.size, calls.has("a"), calls.has("b")]).toEqual([1, true, false]);
  expect(calls.find("a")).toBe(second);
  expect(calls.find("b")).toBe(null);
  calls.park("b", replaced);
  const taken = calls.takeAll();
  expect(taken.map(({ memberId }) => memberId)).toEqual(["a", "b"]);
  expect(calls.size).toBe(0);
  for (const { memberId, resolve } of taken) resolve(memberId);
  expect(await second.answer).toBe("a");
});

test("parked calls: refused, and nobody needs to listen", async () => {
  const calls = new ParkedCalls<string>();
  const [first, second] = [calls.park("a", replaced), calls.park("b", replaced)];
  calls.reject("a", gone);
  calls.reject("a", gone);
  calls.rejectAll(gone);
  expect(calls.size).toBe(0);
  expect(await codeOf(first.answer)).toBe("UNKNOWN_MEMBER_ID");
  expect(await codeOf(second.answer)).toBe("UNKNOWN_MEMBER_ID");
});
