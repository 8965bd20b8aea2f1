import { describe, expect, test } from "vitest";
import { checkClientMayChange, checkTopicName } from "../../src/broker/topic-name.ts";

describe("topic name", () => {
  test("what Kafka takes: is taken", () => {
    for (const name of ["a", "orders", "A.b_c-9", "...", "-", "__x", "0", "a".repeat(249)]) {
      expect(() => checkTopicName(name)).not.toThrow();
    }
  });

  test("what Kafka refuses: is refused", () => {
    const names = ["", ".", "..", "a b", "a/b", "a\n", "ä", "a\0", "a:b", "a".repeat(250), "a\\b"];
    for (const name of names) {
      expect(() => checkTopicName(name), name).toThrow(
        expect.objectContaining({ code: "INVALID_TOPIC_EXCEPTION" }),
      );
    }
  });

  test("names of the server: clients may not change them", () => {
    expect(() => checkClientMayChange("__consumer_offsets")).toThrow(
      expect.objectContaining({ code: "TOPIC_AUTHORIZATION_FAILED" }),
    );
    expect(() => checkClientMayChange("_orders")).not.toThrow();
  });
});
