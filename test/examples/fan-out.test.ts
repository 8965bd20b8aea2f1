import { afterAll, beforeAll, expect, test } from "vitest";
import { fanOut } from "../../examples/fan-out.ts";
import { type LiveServer, liveServer } from "../support/live-server.ts";

let server: LiveServer;

beforeAll(async () => {
  server = await liveServer();
});

afterAll(async () => {
  expect(server.errors).toEqual([]);
  await server.close();
});

test("example fan-out: both groups get every record", async () => {
  const { published, readBy } = await fanOut(server.url);
  expect(Object.keys(readBy)).toEqual(["dashboard", "archive"]);
  for (const values of Object.values(readBy)) {
    expect([...values].sort()).toEqual([...published].sort());
  }
});
