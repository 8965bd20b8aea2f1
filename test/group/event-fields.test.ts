import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { EventFields } from "../../src/group/event-fields.ts";

const fields = new EventFields(
  Buffer.from(
    JSON.stringify({
      text: "a",
      nothing: null,
      whole: 7,
      broken: 1.5,
      yes: true,
      texts: ["a", "b"],
      base64: "AQI=",
      objects: [{ name: "x" }],
      partitions: [{ topic: "t", partitions: [2, 0] }],
    }),
  ),
);

function codeOf(read: () => unknown): string {
  try {
    read();
    return "ok";
  } catch (error) {
    return error instanceof LogError ? error.code : String(error);
  }
}

describe("event fields", () => {
  test("each kind: read", () => {
    expect(fields.text("text")).toBe("a");
    expect([fields.textOrNull("nothing"), fields.textOrNull("text")]).toEqual([null, "a"]);
    expect(fields.isNull("nothing")).toBe(true);
    expect(fields.integer("whole")).toBe(7);
    expect(fields.flag("yes")).toBe(true);
    expect(fields.texts("texts")).toEqual(["a", "b"]);
    expect([...fields.bytes("base64")]).toEqual([1, 2]);
    expect(fields.objects("objects").map((one) => one.text("name"))).toEqual(["x"]);
    expect([...(fields.assignment("partitions").get("t") ?? [])]).toEqual([0, 2]);
  });

  test.each<[string, () => unknown]>([
    ["a text that is a number", () => fields.text("whole")],
    ["a text that is missing", () => fields.textOrNull("missing")],
    ["a whole number with a fraction", () => fields.integer("broken")],
    ["a flag that is a text", () => fields.flag("text")],
    ["texts that are one", () => fields.texts("text")],
    ["texts that are objects", () => fields.texts("objects")],
    ["bytes that are a number", () => fields.bytes("whole")],
    ["objects that are texts", () => fields.objects("texts")],
    ["objects that are none", () => fields.objects("text")],
    ["partitions that are texts", () => fields.assignment("texts")],
    ...["1e999", "0.5", "9007199254740993"].map((number): [string, () => unknown] => {
      const text = `{"partitions":[{"topic":"t","partitions":[0,${number}]}]}`;
      const read = () => new EventFields(Buffer.from(text)).assignment("partitions");
      return [`partition ${number}`, read];
    }),
    ["what is no JSON", () => new EventFields(Buffer.from("{"))],
    ["what is no object", () => new EventFields(Buffer.from("[]"))],
    ["what is no UTF-8", () => new EventFields(Buffer.from([0x22, 0xff, 0x22]))],
  ])("%s: refused", (_, read) => {
    expect(codeOf(read)).toBe("KAFKA_STORAGE_ERROR");
  });
});
