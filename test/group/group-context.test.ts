import { expect, test } from "vitest";
import { defaultGroupLimits } from "../../src/group/group-context.ts";

test("default limits: no bound is beyond another", () => {
  const limits = defaultGroupLimits;
  expect(limits.sessionTimeoutMsMin).toBeLessThan(limits.sessionTimeoutMsDefault);
  expect(limits.sessionTimeoutMsDefault).toBeLessThan(limits.sessionTimeoutMsMax);
  expect(limits.classicSessionTimeoutMsMin).toBeLessThan(limits.sessionTimeoutMsMax);
  expect(limits.heartbeatIntervalMsMax * 3).toBeLessThanOrEqual(limits.sessionTimeoutMsDefault);
  expect(limits.offsetsCheckIntervalMs).toBeLessThan(limits.offsetsRetentionMs);
});
