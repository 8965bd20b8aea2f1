import { expect, test } from "vitest";
import { byPlace, checkedName, stateView } from "../../../src/doors/http/group-view.ts";

test("states: what a rebalance is made of is one state outside", () => {
  const states = (["EMPTY", "ASSIGNING", "RECONCILING", "STABLE"] as const).map(stateView);
  expect(states).toEqual(["EMPTY", "REBALANCING", "REBALANCING", "STABLE"]);
});

test.each(["", "x".repeat(256), "a\nb", "\u007f", "\ud800"])("name %j: refused", (name) => {
  expect(() => checkedName(name, "group")).toThrow(/1 to 255 printable/);
});

test.each(["a", "é 😀/%", "x".repeat(255)])("name %j: taken as it is", (name) => {
  expect(checkedName(name, "member")).toBe(name);
});

test("order: by topic, then by partition as a number", () => {
  const places = [
    { topic: "b", partition: 0 },
    { topic: "a", partition: 10 },
    { topic: "a", partition: 9 },
  ];
  expect(places.toSorted(byPlace).map(({ topic, partition }) => topic + partition)).toEqual([
    "a9",
    "a10",
    "b0",
  ]);
});
