import { expect, test } from "vitest";
import { AssignmentWaiters } from "../../src/group/assignment-waiters.ts";
import { settle } from "../support/fake-clock.ts";

function newWaiters() {
  const news = new Set<string>();
  const waiters = new AssignmentWaiters((group, memberId) => news.has(`${group}/${memberId}`));
  const woken: string[] = [];
  const wait = (group: string, memberId: string, signal = new AbortController().signal): void => {
    void waiters.wait(group, memberId, signal).then(() => woken.push(`${group}/${memberId}`));
  };
  return { waiters, news, woken, wait };
}

test("waiters: a change of the group: wakes those whom it concerns, after the turn", async () => {
  const { waiters, news, woken, wait } = newWaiters();
  for (const memberId of ["a", "b"]) wait("g", memberId);
  wait("h", "a");
  waiters.groupChanged("g");
  news.add("g/b").add("h/a");
  await settle();
  expect(woken).toEqual(["g/b"]);
  expect(waiters.count).toBe(2);
  waiters.groupChanged("h");
  await settle();
  expect(woken).toEqual(["g/b", "h/a"]);
});

test("waiters: news that is there already: does not wait", async () => {
  const { waiters, news, woken, wait } = newWaiters();
  news.add("g/a");
  wait("g", "a");
  await settle();
  expect(woken).toEqual(["g/a"]);
  expect(waiters.count).toBe(0);
});

test("waiters: aborted: wakes and leaves nothing behind", async () => {
  const { waiters, woken, wait } = newWaiters();
  const controller = new AbortController();
  for (let round = 0; round < 100; round++) wait("g", "a", controller.signal);
  controller.abort();
  await settle();
  expect(woken.length).toBe(100);
  expect(waiters.count).toBe(0);
  wait("g", "a", controller.signal);
  await settle();
  expect(woken.length).toBe(101);
});

test("waiters: all woken, for good: later ones do not wait", async () => {
  const { waiters, woken, wait } = newWaiters();
  wait("g", "a");
  waiters.wakeAll(false);
  wait("g", "b");
  await settle();
  expect(woken).toEqual(["g/a"]);
  waiters.wakeAll(true);
  wait("g", "c");
  await settle();
  expect(woken).toEqual(["g/a", "g/b", "g/c"]);
});
