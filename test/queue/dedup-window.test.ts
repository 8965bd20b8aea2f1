import { describe, expect, test } from "vitest";
import { DedupWindow } from "../../src/queue/dedup-window.ts";
import { settle } from "../support/fake-clock.ts";

const at = (nowMs: number) => ({ nowMs, windowMs: 100 });
const first = { partition: 0, offset: 7 };
const second = { partition: 1, offset: 3 };

describe("dedup window", () => {
  test("an id is reserved for who asks first, and known once it is kept", async () => {
    const window = new DedupWindow();
    expect(await window.find("a", at(0))).toBeNull();
    window.keep("a", first, 0);
    expect(await window.find("a", at(0))).toEqual(first);
    expect(await window.find("b", at(0))).toBeNull();
  });

  test("the first place of an id stays", async () => {
    const window = new DedupWindow();
    window.keep("a", first, 0);
    window.keep("a", second, 50);
    expect(await window.find("a", at(50))).toEqual(first);
  });

  test("who comes second waits, and gets the place of the first", async () => {
    const window = new DedupWindow();
    await window.find("a", at(0));
    let answer: unknown = "waiting";
    void window.find("a", at(1)).then((place) => (answer = place));
    await settle();
    expect(answer).toBe("waiting");
    window.keep("a", first, 0);
    await settle();
    expect(answer).toEqual(first);
  });

  test("the first gives up: one of those who wait has the id now, the others wait on", async () => {
    const window = new DedupWindow();
    await window.find("a", at(0));
    const answers: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      void window.find("a", at(1)).then((place) => answers.push(place));
    }
    window.giveUp("a");
    await settle();
    expect(answers).toEqual([null]);
    window.keep("a", second, 1);
    await settle();
    expect(answers).toEqual([null, second, second]);
  });

  test("giving up does nothing to an id that is kept", async () => {
    const window = new DedupWindow();
    window.keep("a", first, 0);
    window.giveUp("a");
    window.giveUp("never seen");
    expect(await window.find("a", at(0))).toEqual(first);
  });

  test("at the end of the window an id is forgotten, not before", async () => {
    const window = new DedupWindow();
    window.keep("a", first, 0);
    expect(await window.find("a", at(100))).toEqual(first);
    expect(await window.find("a", at(101))).toBeNull();
  });

  test("ids that came in no order are forgotten each at its own time", async () => {
    const window = new DedupWindow();
    window.keep("young", first, 90);
    window.keep("old", second, 0);
    expect(await window.find("old", at(101))).toBeNull();
    expect(await window.find("young", at(101))).toEqual(first);
  });

  test("forgotten ids take no room; one on its way outlives the window", async () => {
    const window = new DedupWindow();
    await window.find("on its way", at(0));
    for (let offset = 0; offset < 50; offset++) {
      window.keep(`${offset}`, { partition: 0, offset }, offset);
    }
    expect(window.size).toBe(51);
    await window.find("other", at(500));
    expect(window.size).toBe(2);
    window.keep("on its way", first, 0);
    expect(window.size).toBe(2);
  });
});
