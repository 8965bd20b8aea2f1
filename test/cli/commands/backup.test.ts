import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { varve } from "../../support/cli-run.ts";
import { type LiveServer, liveServer } from "../../support/live-server.ts";

let root: string;
let server: LiveServer;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "varve-backup-"));
  server = await liveServer();
  await server.call("PUT", "/v1/topics/t", { json: { config: { "segment.bytes": 1024 } } });
  for (let count = 0; count < 8; count++) {
    await server.call("POST", "/v1/topics/t/records", {
      json: { records: [{ text: `${count}`.padEnd(300, ".") }] },
    });
  }
});

afterEach(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

const linksOf = (path: string): number => statSync(path).nlink;
const first = `t-0/${"0".repeat(20)}.log`;

test("through a server: links where it can, restored it is the same", async () => {
  const target = join(root, "one");
  const made = await varve(["backup", target, "--url", server.url]);
  expect([made.code, made.stderr]).toEqual([0, ""]);
  expect(made.stdout.toString()).toMatch(/one: \d+ partitions, \d+ files, .* as of 20/);
  expect([linksOf(join(server.dataDir, first)), linksOf(join(target, first))]).toEqual([2, 2]);
  const again = await varve(["backup", target, "--url", server.url]);
  expect(again.code).toBe(1);
  expect(again.stderr).toMatch(/is not empty.*BACKUP_PLACE_REFUSED/);
  const restored = await varve(["restore", target, "--data-dir", join(root, "data"), "--json"]);
  expect(restored.code).toBe(0);
  expect(JSON.parse(restored.stdout.toString())).toMatchObject({ to: join(root, "data") });
  const copy = await liveServer({}, join(root, "data"));
  const { body } = await copy.call("GET", "/v1/topics/t/offsets");
  expect(body.offsets).toEqual([{ partition: 0, offset: 8 }]);
  expect(copy.errors).toEqual([]);
  await copy.close();
});

test("of a directory: refused while a server has it, with one line, and nothing is made", async () => {
  const target = join(root, "one");
  const refused = await varve(["backup", target, "--data-dir", server.dataDir, "--json"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^varve: the lock is held by process \d+; .*\n$/);
  expect(existsSync(target)).toBe(false);
});

test("no server, no data directory: the way out is named", async () => {
  const none = await varve(["backup", join(root, "x"), "--url", "http://127.0.0.1:1"]);
  expect(none.code).toBe(3);
  const empty = await varve(["backup", join(root, "x"), "--data-dir", join(root, "nothing")]);
  expect(empty.code).toBe(1);
  expect(empty.stderr).toMatch(/has no format\.json/);
});
