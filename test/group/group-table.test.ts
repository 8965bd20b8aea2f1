import { expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { GroupTable } from "../../src/group/group-table.ts";

test("group table: a group is there from its first event to its last", () => {
  const groups = new GroupTable(5);
  expect(groups.find("g")).toBe(null);
  expect(() => groups.need("g")).toThrow(LogError);
  const group = groups.ensure("g");
  expect(groups.ensure("g")).toBe(group);
  expect(groups.need("g")).toBe(group);
  groups.remove("g");
  groups.remove("g");
  expect([...groups.all()]).toEqual([]);
});

test("group table: full: no group to decide on, but events are taken", () => {
  const groups = new GroupTable(1);
  expect(groups.newGroup("a").name).toBe("a");
  expect([...groups.all()]).toEqual([]);
  groups.ensure("a");
  expect(() => groups.newGroup("b")).toThrow("delete some first");
  groups.ensure("b");
  groups.clear();
  expect([...groups.all()]).toEqual([]);
});
