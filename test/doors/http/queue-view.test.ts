import { expect, test } from "vitest";
import { needQueue, queueView } from "../../../src/doors/http/queue-view.ts";
import type { QueueCounts, Services } from "../../../src/services.ts";
import { settingsOfQ } from "../../support/queue-door.ts";

test("flat: the setting `expired` and the count of what expired do not hide each other", () => {
  const counts = { depth: 3, expired: 7, bytes: 10 } as QueueCounts;
  const rates = { deliveredPerSecond: 1.5, ackedPerSecond: null };
  const view = queueView({ queue: "q", settings: settingsOfQ, counts }, rates);
  expect(view).toEqual({
    queue: "q",
    ...settingsOfQ,
    depth: 3,
    bytes: 10,
    expiredCount: 7,
    deliveredPerSecond: 1.5,
    ackedPerSecond: null,
  });
});

test("the settings of a queue, or QUEUE_NOT_FOUND", () => {
  const lookup = (queue: string) => (queue === "q" ? settingsOfQ : null);
  const services = { queues: { lookup } } as unknown as Services;
  expect(needQueue(services, "q")).toBe(settingsOfQ);
  expect(() => needQueue(services, "x")).toThrow(/no queue 'x'/);
});
