import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkStates } from "../../src/cli/state-check.ts";
import { openEngine } from "../../src/engine.ts";
import { batchOf } from "../support/batches.ts";
import { varve } from "../support/cli-run.ts";
import { createTopic, produce } from "../support/engines.ts";

let root: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "varve-states-"));
  const engine = await openEngine({ path: root });
  const { services } = engine;
  await createTopic(engine, "t");
  await produce(engine, { topic: "t", values: ["a", "b", "c"] });
  const offsets = [{ topic: "t", partition: 0, offset: 3, metadata: "" }];
  await services.groups.commitOffsets({ group: "g", memberId: "", memberEpoch: -1, offsets });
  await services.queues.put("q", { topic: "t", from: "latest" });
  const named = { transactionalId: "x", transactionTimeoutMs: 1000 };
  await services.transactions.initProducerId({ ...named, producerId: -1, producerEpoch: -1 });
  await engine.close();
});

afterEach(() => rmSync(root, { recursive: true }));

interface Found {
  readonly isSound: boolean;
  readonly problems: readonly { readonly file: string; readonly detail: string }[];
  readonly notes: readonly { readonly file: string; readonly detail: string }[];
  readonly events: Readonly<Record<string, number>>;
}

async function look(): Promise<Found & { readonly code: number }> {
  const { code, stdout } = await varve(["check", root, "--deep", "--json"]);
  return { code, ...(JSON.parse(stdout.toString()) as Found) };
}

const detailsOf = (found: readonly { readonly file: string; readonly detail: string }[]) =>
  found.map(({ file, detail }) => `${file.slice(root.length + 1)}: ${detail}`);
const logOf = (name: string): string => join(root, name, `${"0".repeat(20)}.log`);

test("as a server leaves it: every state is replayed and nothing is found", async () => {
  const { code, isSound, events } = await look();
  expect([code, isSound]).toEqual([0, true]);
  expect(Object.keys(events).toSorted()).toEqual([
    "__cluster_metadata",
    "__consumer_offsets",
    "__share_group_state",
    "__transaction_state",
  ]);
  expect(Object.values(events).every((count) => count > 0)).toBe(true);
  const shallow = await varve(["check", root, "--json"]);
  expect(JSON.parse(shallow.stdout.toString()).events).toEqual({});
  const { stdout } = await varve(["check", root, "--deep"]);
  expect(stdout.toString()).toMatch(/^__consumer_offsets: \d+ events replayed$/m);
});

test("a log that ends before what was committed and settled: both are named", async () => {
  truncateSync(logOf("t-0"), 0);
  const { code, problems } = await look();
  expect(code).toBe(4);
  const details = detailsOf(problems);
  expect(details).toContain("t-0: group g has committed offset 3, but the log ends at 0");
  expect(details).toContain("t-0: share group q has settled up to offset 3, but the log ends at 0");
});

test("a topic without its directory, and a directory without its topic", async () => {
  renameSync(join(root, "t-0"), join(root, "u-0"));
  const details = detailsOf((await look()).problems);
  expect(details).toContain("t-0: is in the catalog of topics and not here");
  expect(details).toContain("u-0: belongs to no topic of the catalog");
  // Without an orderly stop it may be unfinished.
  rmSync(join(root, "clean-shutdown"));
  const { notes } = await look();
  expect(detailsOf(notes).filter((detail) => detail.startsWith("u-0: belongs"))).toHaveLength(1);
});

test("an empty directory of a topic that could not be made: no damage", async () => {
  cpSync(join(root, "t-0"), join(root, "never-0"), { recursive: true });
  truncateSync(logOf("never-0"), 0);
  const { notes, problems } = await look();
  const told = "never-0: is of a topic that was never made; the next start sets it aside";
  expect(detailsOf(notes)).toContain(told);
  expect(detailsOf(problems).filter((detail) => detail.includes("no topic"))).toEqual([]);
});

test("an event that cannot be read", async () => {
  const path = logOf("__consumer_offsets-0");
  const record = { key: '{"kind":"offset"}', value: "?" };
  const [first] = readdirSync(join(root, "__consumer_offsets-0"));
  expect(first).toBeDefined();
  const { events } = await look();
  const baseOffset = events["__consumer_offsets"] ?? 0;
  appendFileSync(path, batchOf([record], { baseOffset, leaderEpoch: 0 }));
  const { code, problems } = await look();
  expect(code).toBe(4);
  expect(detailsOf(problems).join()).toMatch(
    new RegExp(
      `__consumer_offsets-0/0{20}\\.log: the event at offset ${baseOffset} cannot be read`,
    ),
  );
});

test("without any state: nothing to say", async () => {
  const nothing = { path: root, reports: new Map(), entries: new Map(), isClean: true };
  expect(await checkStates(nothing)).toMatchObject({ problems: [], notes: [], events: {} });
});
