import { afterAll, beforeAll, expect, test } from "vitest";
import { depthMax, dropOldest } from "../../examples/drop-oldest.ts";
import { type LiveServer, liveServer } from "../support/live-server.ts";

let server: LiveServer;

beforeAll(async () => {
  server = await liveServer();
});

afterAll(async () => {
  expect(server.errors).toEqual([]);
  await server.close();
});

test("example drop-oldest: the newest are shown, in order; what is not shown was dropped", async () => {
  const { sent, shown, dropped } = await dropOldest(server.url);
  expect(shown).toEqual([...shown].sort((a, b) => a - b));
  expect(shown.at(-1)).toBe(sent);
  const afterGap = shown.filter((reading) =>
    range(reading, sent).every((one) => shown.includes(one)),
  );
  expect(afterGap.length).toBeLessThanOrEqual(depthMax);
  expect(shown.length + dropped).toBe(sent);
  expect(dropped).toBeGreaterThan(0);
});

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
