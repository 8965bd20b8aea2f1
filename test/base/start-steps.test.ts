import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { StartSteps } from "../../src/base/start-steps.ts";
import { FakeClock } from "../support/fake-clock.ts";

test("each step is counted from the end of the one before", () => {
  const clock = new FakeClock();
  const logged: object[] = [];
  const logger = { ...silentLogger, debug: (facts: object) => void logged.push(facts) };
  const steps = new StartSteps({ clock, logger });
  clock.advance(5);
  steps.ended("lock");
  clock.advance(12.34);
  steps.ended("catalog");
  expect(logged).toEqual([
    { step: "lock", stepMs: 5 },
    { step: "catalog", stepMs: 12.3 },
  ]);
});
