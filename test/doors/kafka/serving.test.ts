import { expect, test } from "vitest";
import { serving } from "../../../src/doors/kafka/serving.ts";
import { type ApiName, apis } from "../../../src/protocol/apis.ts";

const names = Object.keys(serving) as ApiName[];

test.each(names)(
  "serving: %s: every version is in the tables, but those that only are advertised",
  (name) => {
    const row = serving[name];
    const lowest = name === "produce" ? 0 : apis[name].minVersion;
    expect(row?.min).toBeGreaterThanOrEqual(lowest);
    expect(row?.max).toBeLessThanOrEqual(apis[name].maxVersion);
    expect(row?.min).toBeLessThanOrEqual(row?.max ?? -1);
  },
);

// What clients do with versions that are missing is in the protocol guide; these are the ones they hang on.
test("serving: the versions that clients look for before they use a feature", () => {
  expect(serving.produce).toMatchObject({ min: 0 });
  expect(serving.produce?.max).toBeGreaterThanOrEqual(7);
  expect(serving.fetch?.min).toBe(4);
  for (const name of ["findCoordinator", "joinGroup", "heartbeat", "leaveGroup"] as const) {
    expect(serving[name]?.min).toBe(0);
  }
  expect(serving.addPartitionsToTxn?.max).toBe(3);
  expect(serving.apiVersions).toMatchObject({ min: 0, max: 4 });
});
