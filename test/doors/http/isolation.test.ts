import { expect, test } from "vitest";
import { isolationDefault, isolationIn } from "../../../src/doors/http/isolation.ts";

test("isolation: what is given, else committed records; anything else is refused", () => {
  expect(isolationIn({})).toBe("read_committed");
  expect(isolationDefault).toBe("read_committed");
  expect(isolationIn({ isolation: "read_uncommitted" })).toBe("read_uncommitted");
  expect(isolationIn({ isolation: "read_committed" })).toBe("read_committed");
  expect(() => isolationIn({ isolation: "committed" })).toThrow(/one of read_committed/);
  expect(() => isolationIn({ isolation: "" })).toThrow(/one of read_committed/);
});
