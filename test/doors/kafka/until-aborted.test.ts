import { expect, test } from "vitest";
import { untilAborted } from "../../../src/doors/kafka/until-aborted.ts";
import { outcomeOf } from "../../support/engines.ts";

test("work that ends first: its result or its error, and nothing listens any more", async () => {
  const { signal } = new AbortController();
  const listened: string[] = [];
  const watched = new Proxy(signal, {
    get: (target, name) => {
      if (name === "aborted") return target.aborted;
      return (...rest: readonly [string, () => void]) => {
        listened.push(String(name));
        return (Reflect.get(target, name) as (...all: readonly unknown[]) => unknown).call(
          target,
          ...rest,
        );
      };
    },
  });
  expect(await untilAborted(Promise.resolve(7), watched)).toBe(7);
  await expect(untilAborted(Promise.reject(new Error("no")), watched)).rejects.toThrow("no");
  expect(listened).toEqual([
    "addEventListener",
    "removeEventListener",
    "addEventListener",
    "removeEventListener",
  ]);
});

test("the signal first, or before it began: nobody waits for the work, nor for its failure", async () => {
  const abort = new AbortController();
  let fail = (): void => undefined;
  const work = new Promise<never>((_resolve, reject) => {
    fail = () => reject(new Error("late"));
  });
  const waiting = outcomeOf(untilAborted(work, abort.signal));
  abort.abort();
  expect(await waiting).toBe("COORDINATOR_NOT_AVAILABLE");
  expect(await outcomeOf(untilAborted(work, abort.signal))).toBe("COORDINATOR_NOT_AVAILABLE");
  fail();
});
