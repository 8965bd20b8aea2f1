// kcat as people use it in a shell: -L, -P, -C, -Q, -G, each codec, idempotence.

import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { type ClientResults, clientResults, type Scenario, scenarios } from "../results.ts";
import { type ServerUnderTest, startServerUnderTest } from "../server-under-test.ts";
import { type Found, findKcat } from "../toolchain.ts";
import { soon } from "./soon.ts";

let found: Found<string> = { missing: "not looked for" };
let server: ServerUnderTest;
let results: ClientResults;

beforeAll(async () => {
  found = findKcat();
  results = clientResults("kcat", "tool" in found ? found.tool : "");
  if ("tool" in found) {
    results.leaveOut("group-rebalance-848", "librdkafka 2.0.2 has the classic protocol only");
    results.leaveOut("transactions", "kcat has no transactions");
    server = await startServerUnderTest();
  }
  for (const scenario of scenarios) {
    if ("missing" in found) results.leaveOut(scenario, found.missing);
  }
});

afterAll(async () => {
  if ("tool" in found) await server.stop();
});

function kcat(args: readonly string[], input = ""): string {
  const all = ["-b", server.bootstrap, ...args];
  return execFileSync("kcat", all, { encoding: "utf8", input, timeout: 60_000, stdio: "pipe" });
}

function tested(scenario: Scenario, work: () => Promise<void>): void {
  test(`kcat: ${scenario}`, async (context: TestContext) => {
    if ("missing" in found) return context.skip(found.missing);
    await results.run(scenario, work);
  });
}

const newTopic = (): string => `kcat-${randomUUID()}`;
const lines = (count: number): string =>
  Array.from({ length: count }, (_, number) => `line ${number}\n`).join("");

tested("produce", async () => {
  const topic = newTopic();
  kcat(["-P", "-t", topic, "-K", ":", "-H", "h=1"], "k:v\n");
  kcat(["-P", "-t", topic, "-K", ":", "-Z"], ":\n");
  for (const acks of ["all", "1", "0"]) kcat(["-P", "-t", topic, "-X", `acks=${acks}`], "more\n");
  const format = ["-f", "%k|%K|%s|%S|%h\\n"];
  const out = kcat(["-C", "-t", topic, "-e", "-q", ...format]).split("\n");
  expect(out.slice(0, 2)).toEqual(["k|1|v|1|h=1", "|-1||-1|"]);
  expect(out.filter((line) => line.includes("more"))).toHaveLength(3);
});

tested("consume", async () => {
  const topic = newTopic();
  const text = lines(2000);
  kcat(["-P", "-t", topic], text);
  expect(kcat(["-C", "-t", topic, "-e", "-q"])).toBe(text);
  expect(kcat(["-C", "-t", topic, "-e", "-q", "-o", "1998"])).toBe("line 1998\nline 1999\n");
  expect(kcat(["-C", "-t", topic, "-e", "-q", "-o", "-3"]).split("\n")).toHaveLength(4);
  expect(kcat(["-C", "-t", topic, "-c", "1", "-q"])).toBe("line 0\n");
});

tested("group-rebalance", async () => {
  const topic = newTopic();
  const group = randomUUID();
  kcat(["-P", "-t", topic], lines(10));
  const out = ["", ""];
  const members = [0, 1].map((index) => {
    const args = ["-b", server.bootstrap, "-u", "-G", group, topic];
    const child = spawn("kcat", [...args, "-X", "auto.offset.reset=earliest"]);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        out[index] += chunk.toString();
      });
    }
    return child;
  });
  try {
    await soon(() => out.every((text) => text.includes("rebalanced")));
    await soon(() => out.join("").match(/line \d+/g)?.length === 10);
    kcat(["-P", "-t", topic], "one more\n");
    await soon(() => out.join("").includes("one more"));
  } finally {
    for (const member of members) member.kill("SIGINT");
  }
});

tested("offsets", async () => {
  const topic = newTopic();
  kcat(["-P", "-t", topic], lines(10));
  expect(kcat(["-Q", "-t", `${topic}:0:-1`])).toContain(`${topic} [0] offset 10`);
  expect(kcat(["-Q", "-t", `${topic}:0:-2`])).toContain(`${topic} [0] offset 0`);
  expect(kcat(["-Q", "-t", `${topic}:0:1`])).toContain(`${topic} [0] offset 0`);
});

tested("admin", async () => {
  const topic = newTopic();
  kcat(["-P", "-t", topic], "x\n");
  const listed = kcat(["-L"]);
  expect(listed).toContain(`broker 1 at ${server.bootstrap}`);
  expect(listed).toContain(`topic "${topic}" with 1 partitions`);
  const asJson = JSON.parse(kcat(["-L", "-J", "-t", topic])) as { topics: unknown[] };
  expect(asJson.topics).toHaveLength(1);
});

for (const codec of ["gzip", "snappy", "lz4", "zstd"] as const) {
  tested(`compression-${codec}`, async () => {
    const topic = newTopic();
    const text = lines(1000);
    kcat(["-P", "-t", topic, "-z", codec], text);
    expect(kcat(["-C", "-t", topic, "-e", "-q"])).toBe(text);
  });
}

tested("idempotence", async () => {
  const topic = newTopic();
  const text = lines(5000);
  kcat(["-P", "-t", topic, "-X", "enable.idempotence=true", "-X", "batch.num.messages=50"], text);
  expect(kcat(["-C", "-t", topic, "-e", "-q"])).toBe(text);
});
