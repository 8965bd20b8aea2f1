import { describe, expect, test } from "vitest";
import { Receivers, type Ticket } from "../../src/share/receivers.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";

class Line {
  readonly clock = new FakeClock();
  readonly receivers = new Receivers(this.clock);
  readonly woken: string[] = [];

  // Joins, looks, finds nothing and waits.
  enter(name: string, signal: AbortSignal | null = null): Ticket {
    const ticket = this.receivers.join();
    ticket.look();
    void this.#wait(name, ticket, signal);
    return ticket;
  }

  async #wait(name: string, ticket: Ticket, signal: AbortSignal | null): Promise<void> {
    await ticket.wait(1000, signal);
    this.woken.push(name);
  }

  async seen(): Promise<readonly string[]> {
    await settle();
    return this.woken.splice(0);
  }
}

describe("receivers", () => {
  test("whoever waits longest is woken first, one each time", async () => {
    const line = new Line();
    for (const name of ["a", "b", "c"]) line.enter(name);
    expect(await line.seen()).toEqual([]);
    line.receivers.wakeFirst();
    expect(await line.seen()).toEqual(["a"]);
    line.receivers.wakeFirst();
    expect(await line.seen()).toEqual(["b"]);
  });

  test("one that found nothing keeps its place", async () => {
    const line = new Line();
    const ticket = line.receivers.join();
    line.enter("b");
    line.receivers.wakeFirst();
    // It is awake already: the next wakes the second.
    line.receivers.wakeFirst();
    expect(await line.seen()).toEqual(["b"]);
    ticket.look();
    let isWoken = false;
    void ticket.wait(1000, null).then(() => (isWoken = true));
    line.receivers.wakeFirst();
    await settle();
    expect(isWoken).toBe(true);
  });

  test("what happens between the look and the wait is not missed", async () => {
    const { receivers, clock } = new Line();
    const ticket = receivers.join();
    ticket.look();
    receivers.wakeFirst();
    await ticket.wait(1000, null);
    expect(clock.timerCount).toBe(0);
  });

  test("the deadline ends a wait, to the millisecond", async () => {
    const line = new Line();
    line.enter("a");
    await line.clock.run(999);
    expect(await line.seen()).toEqual([]);
    await line.clock.run(1);
    expect(await line.seen()).toEqual(["a"]);
  });

  test("an abort ends a wait, and one that came before lets none begin", async () => {
    const line = new Line();
    const aborts = new AbortController();
    line.enter("a", aborts.signal);
    line.enter("b");
    aborts.abort();
    expect(await line.seen()).toEqual(["a"]);
    line.enter("late", aborts.signal);
    expect(await line.seen()).toEqual(["late"]);
  });

  test("a wait that ended leaves no timer", async () => {
    const line = new Line();
    line.enter("a");
    line.enter("b");
    expect(line.clock.timerCount).toBe(2);
    line.receivers.wakeAll();
    expect(await line.seen()).toEqual(["a", "b"]);
    expect(line.clock.timerCount).toBe(0);
  });

  test("who cannot use what woke it passes it on to the next behind, not to those before", async () => {
    const line = new Line();
    line.enter("before");
    const ticket = line.receivers.join();
    line.enter("b");
    line.enter("c");
    ticket.passOn();
    expect(await line.seen()).toEqual(["b"]);
    ticket.passOn();
    ticket.passOn();
    expect(await line.seen()).toEqual(["c"]);
  });

  test("who left is not woken in the place of others", async () => {
    const line = new Line();
    const gone = line.receivers.join();
    line.enter("b");
    gone.leave();
    gone.leave();
    expect(line.receivers.count).toBe(1);
    line.receivers.wakeFirst();
    expect(await line.seen()).toEqual(["b"]);
  });
});
