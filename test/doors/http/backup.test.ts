import { afterEach, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { BackupServices, BackupStatus } from "../../../src/services.ts";
import { type HttpFixture, httpFixture } from "../../support/http-fixture.ts";
import { MemoryServices } from "../../support/memory-services.ts";

const path = "/v1/admin/backup";
const running = { path: "/b", state: "running", bytes: 0 } as BackupStatus;

let http: HttpFixture;
afterEach(() => http.close());

async function open(backups: Partial<BackupServices>): Promise<void> {
  const services = Object.assign(new MemoryServices({ clock: systemClock }), {
    backups: { root: null, ...backups } as BackupServices,
  });
  http = await httpFixture({ services });
}

test("begin: 202 with the status; refusals by name", async () => {
  const begun: string[] = [];
  await open({
    begin: async (to) => {
      begun.push(to);
      if (begun.length > 1) throw new LogError("BACKUP_IN_PROGRESS", "there is one");
      return running;
    },
  });
  expect(await http.json("POST", path, { path: "/b" })).toMatchObject({
    status: 202,
    body: running,
  });
  const again = await http.json("POST", path, { path: "/b" });
  expect(again).toMatchObject({
    status: 409,
    body: { code: "BACKUP_IN_PROGRESS", retriable: true },
  });
  for (const bad of [{}, { path: "" }, { path: 1 }, { path: "/b", more: 1 }]) {
    expect((await http.json("POST", path, bad)).status).toBe(400);
  }
  expect(begun).toEqual(["/b", "/b"]);
});

test("show and give up", async () => {
  let status: BackupStatus | null = null;
  let cancelled = 0;
  await open({
    status: () => status,
    cancel: async () => {
      cancelled++;
    },
  });
  expect((await http.json("GET", path)).status).toBe(404);
  status = running;
  expect(await http.json("GET", path)).toMatchObject({ status: 200, body: running });
  expect((await http.json("DELETE", path)).status).toBe(204);
  expect(cancelled).toBe(1);
});

test.each([
  ["10.0.0.7", null, 409],
  ["::ffff:10.0.0.7", null, 409],
  ["127.0.0.1", null, 202],
  ["::1", null, 202],
  ["::ffff:127.0.0.1", null, 202],
  ["10.0.0.7", "/backups", 202],
])("from %s, root %s: %d", async (remoteAddress, root, status) => {
  await open({ root, begin: async () => running });
  const payload = { path: "/b" };
  const answer = await http.call({ method: "POST", url: path, payload, remoteAddress });
  expect(answer.statusCode).toBe(status);
});
