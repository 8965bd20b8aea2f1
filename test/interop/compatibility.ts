// The last step of the interop tests: prints the table client by scenario, and writes docs/compatibility.md from it.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/source-tree.ts";
import { readResults, type ScenarioResult, scenarios, serverUnderTest } from "./results.ts";

/** Called by Vitest when all interop tests have ended. */
export function teardown(): void {
  const results = readResults();
  if (results.length === 0) return;
  process.stdout.write(`\nServer: ${serverUnderTest}\n${asText(results)}\n`);
  if (serverUnderTest === "varve") {
    writeFileSync(join(projectRoot, "docs/compatibility.md"), compatibilityPage(results));
  }
}

interface Client {
  readonly name: string;
  readonly version: string;
  readonly results: readonly ScenarioResult[];
}

function clientsOf(results: readonly ScenarioResult[]): readonly Client[] {
  const names = new Set(results.map((result) => `${result.client} ${result.version}`));
  return [...names].flatMap((name) => {
    const rows = results.filter((result) => `${result.client} ${result.version}` === name);
    const first = rows[0];
    return first === undefined
      ? []
      : [{ name: first.client, version: first.version, results: rows }];
  });
}

function outcome(client: Client, scenario: string): ScenarioResult["outcome"] | "" {
  return client.results.find((result) => result.scenario === scenario)?.outcome ?? "";
}

function asText(results: readonly ScenarioResult[]): string {
  const clients = clientsOf(results);
  const heads = clients.map((client) => `${client.name} ${client.version}`);
  const rows = scenarios.map((scenario) => {
    const cells = clients.map((client, index) =>
      outcome(client, scenario).padEnd(heads[index]?.length ?? 0),
    );
    return [scenario.padEnd(20), ...cells].join("  ");
  });
  const reasons = results
    .filter((result) => result.outcome !== "ok")
    .map((row) => `${row.outcome}: ${row.client} ${row.scenario}: ${row.reason}`);
  return [["".padEnd(20), ...heads].join("  "), ...rows, "", ...reasons].join("\n");
}

/** The page docs/compatibility.md. */
export function compatibilityPage(results: readonly ScenarioResult[]): string {
  const clients = clientsOf(results);
  const marks = { ok: "yes", failed: "**no**", skipped: "–", "": "–" };
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const notes = results
    .filter((result) => result.outcome !== "ok" && result.reason !== "")
    .map((result) => `- ${result.client}, ${result.scenario}: ${oneLine(result.reason)}`);
  return `${[
    "# Compatibility",
    "",
    "Written by `npm run test:interop`, which starts a server, installs each client below `.interop/` and runs it",
    "against the server's Kafka door. What a machine has no toolchain for is skipped, with the reason.",
    "`INTEROP_SERVER=kafka npm run test:interop` runs the same scenarios against Apache Kafka.",
    "",
    row(["", ...clients.map((client) => `${client.name} ${client.version}`)]),
    row(["---", ...clients.map(() => ":-:")]),
    ...scenarios.map((scenario) =>
      row([scenario, ...clients.map((client) => marks[outcome(client, scenario)])]),
    ),
    "",
    "yes: the scenario passes. –: left out, the reason is below or the client has no such thing. **no**: fails.",
    "",
    ...(notes.length === 0 ? [] : ["## Notes", "", ...notes, ""]),
    "## The scenarios",
    "",
    "- produce: keys, headers, null and empty values, every acks mode the client has; every record is read back.",
    "- consume: from the beginning, from an offset, from a time; values are compared byte for byte.",
    "- group-rebalance: two members of a classic group share partitions, one leaves, every record is read.",
    "- group-rebalance-848: the same with `group.protocol=consumer` (KIP-848).",
    "- offsets: commit, fetch, reset; beginning, end and by time.",
    "- admin: topics, their configs and partitions, deletion of records, groups, whatever the client has.",
    "- compression-…: batches of that codec are produced and read back.",
    "- idempotence: an idempotent producer; sequences are accepted in order.",
    "- transactions: commit, abort, read_committed, offsets inside a transaction, fencing.",
    "- share-groups: members share the records of a partition (KIP-932); accept, release, reject, renew, locks that lapse,",
    "  the limit of deliveries, offsets and configs of such groups.",
  ].join("\n")}\n`;
}

function oneLine(text: string): string {
  const line = text.split("\n")[0] ?? "";
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
