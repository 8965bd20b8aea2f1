// The ready-made alerts and the dashboard, held to what the server really exports.

import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openEngine } from "../src/engine.ts";
import { KafkaWire } from "./support/kafka-wire.ts";
import { liveServer } from "./support/live-server.ts";
import { projectRoot } from "./support/source-tree.ts";

const alerts = readFileSync(join(projectRoot, "ops/prometheus-alerts.yml"), "utf8");
const dashboardText = readFileSync(join(projectRoot, "ops/grafana-dashboard.json"), "utf8");

// What Prometheus adds to everything it scrapes.
const prometheusMetrics = ["up"];
const prometheusLabels = ["job", "instance"];
const functions = [
  "sum",
  "max",
  "rate",
  "increase",
  "delta",
  "deriv",
  "predict_linear",
  "histogram_quantile",
];
const keywords = ["and", "or", "unless", "by", "without"];

/** What a PromQL expression names. */
interface Names {
  readonly metrics: readonly string[];
  readonly labels: readonly string[];
  readonly calls: readonly string[];
}

function namesIn(expression: string): Names {
  const labels: string[] = [];
  const bare = expression
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/\{([^}]*)\}/g, (_, matchers: string) => {
      labels.push(...[...matchers.matchAll(/(\w+)\s*[=!]/g)].map(([, name = ""]) => name));
      return "";
    })
    .replaceAll(/\b(?:by|without)\s*\(([^)]*)\)/g, (_, list: string) => {
      labels.push(...list.split(",").map((name) => name.trim()));
      return "";
    })
    .replaceAll(/\[[^\]]*\]/g, "");
  const words = [...bare.matchAll(/(?<![\w.$])([a-zA-Z_:]\w*)(\s*\()?/g)];
  const named = words.filter(([, word = ""]) => !keywords.includes(word));
  return {
    metrics: named.filter(([, , call]) => call === undefined).map(([, word = ""]) => word),
    labels,
    calls: named.filter(([, , call]) => call !== undefined).map(([, word = ""]) => word),
  };
}

function isBalanced(expression: string): boolean {
  const open: string[] = [];
  const pairs: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };
  for (const sign of expression.replaceAll(/"[^"]*"/g, "")) {
    if ("([{".includes(sign)) open.push(sign);
    else if (sign in pairs && open.pop() !== pairs[sign]) return false;
  }
  return open.length === 0;
}

/** An alert of the rules file. */
interface Alert {
  readonly name: string;
  readonly expr: string;
  readonly texts: readonly string[];
}

// The rules file keeps to one shape, so that reading it takes no YAML parser: these lines, in this order.
const ruleShape =
  /^ {6}- alert: (?<name>\w+)\n {8}expr: (?<expr>.+)\n(?: {8}for: \d+[smh]\n)? {8}labels:\n {10}severity: (?:warning|critical)\n {8}annotations:\n {10}summary: "(?<summary>[^"\\]+)"\n {10}description: "(?<description>[^"\\]+)"\n/gm;

function readAlerts(): readonly Alert[] {
  return [...alerts.matchAll(ruleShape)].map(({ groups }) => {
    const { name = "", expr = "", summary = "", description = "" } = groups ?? {};
    return { name, expr, texts: [summary, description] };
  });
}

/** A panel of the dashboard. */
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
}

interface Dashboard {
  readonly title: string;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

const dashboard = JSON.parse(dashboardText) as Dashboard;
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []);
const variableQueries = dashboard.templating.list
  .filter(({ type }) => type === "query")
  .map(({ query }) => (typeof query === "string" ? query : query.query))
  .map((query) => /^label_values\((?<metric>.+), (?<label>\w+)\)$/.exec(query)?.groups ?? {});

const metrics = new Set<string>(prometheusMetrics);
const labels = new Set<string>(prometheusLabels);

beforeAll(async () => {
  const path = mkdtempSync(join(tmpdir(), "varve-ops-"));
  const engine = await openEngine({ path });
  await engine.services.queues.put("mail", {});
  await engine.close();
  const server = await liveServer({}, path);
  try {
    const wire = await KafkaWire.open(server.kafka ?? "");
    await wire.call("apiVersions", 0, {});
    const json = { records: [{ text: "one" }] };
    await server.call("POST", "/v1/topics/orders/records", { json });
    const offsets = [{ topic: "orders", partition: 0, offset: 1 }];
    await server.call("PUT", "/v1/groups/readers/offsets", { json: { offsets } });
    readScrape((await server.call("GET", "/metrics")).text);
  } finally {
    await server.close();
  }
});

function readScrape(text: string): void {
  for (const [, name = "", type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    const parts = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    for (const part of parts) metrics.add(name + part);
  }
  for (const [, list = ""] of text.matchAll(/^\w+\{(.*)\} \S+$/gm)) {
    for (const [, label = ""] of list.matchAll(/(\w+)="/g)) labels.add(label);
  }
}

function missingIn(expression: string): readonly string[] {
  const names = namesIn(expression);
  return [
    ...names.metrics.filter((name) => !metrics.has(name)),
    ...names.labels.filter((name) => !labels.has(name)).map((name) => `label ${name}`),
    ...names.calls.filter((name) => !functions.includes(name)).map((name) => `function ${name}`),
    ...(isBalanced(expression) ? [] : [`brackets of ${expression}`]),
    ...(names.metrics.length === 0 ? [`a metric in ${expression}`] : []),
  ];
}

describe("ops: alerts", () => {
  test("every line belongs to a rule, a group or a comment", () => {
    const rest = alerts
      .replaceAll(ruleShape, "")
      .replaceAll(/^(?:#.*|groups:| {2}- name: [\w-]+| {4}rules:)\n/gm, "");
    expect(rest).toBe("");
    expect(alerts).not.toContain("\t");
  });

  test("names are there once, and expressions are plain YAML scalars", () => {
    const names = readAlerts().map(({ name }) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(new Set(names).size).toBe(names.length);
    for (const { expr } of readAlerts()) expect(expr).not.toMatch(/^["'{[&*!|>%@`]|: | #|\s$/);
  });

  test("every metric, label and function of the rules exists", () => {
    expect(readAlerts().flatMap(({ expr }) => missingIn(expr))).toEqual([]);
  });

  test("every label that a text shows is one", () => {
    const shown = readAlerts().flatMap(({ texts }) =>
      texts.flatMap((text) => [...text.matchAll(/\$labels\.(\w+)/g)].map(([, name = ""]) => name)),
    );
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.filter((name) => !labels.has(name))).toEqual([]);
  });

  test("what has to be watched is watched", () => {
    const watched = readAlerts().flatMap(({ expr }) => namesIn(expr).metrics);
    expect(watched).toEqual(
      expect.arrayContaining([
        "varve_queue_depth",
        "varve_queue_oldest_age_seconds",
        "varve_queue_dead",
        "varve_group_lag_records",
        "varve_disk_free_bytes",
        "varve_problems",
      ]),
    );
  });
});

describe("ops: dashboard", () => {
  test("it can be imported: title, id, version, and panels that do not overlap", () => {
    expect(dashboard).toMatchObject({ title: "Varve", uid: "varve" });
    expect(dashboard.schemaVersion).toBeGreaterThan(30);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const cells = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      const { x, y, w, h } = gridPos;
      expect(x + w).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          const place = `${column},${line}`;
          expect(cells.get(place) ?? "free", `${title} at ${place}`).toBe("free");
          cells.set(place, title);
        }
      }
    }
  });

  test("every panel but a row has expressions, and what they name exists", () => {
    const empty = dashboard.panels.filter(({ type, targets: own }) => {
      return type !== "row" && (own ?? []).length === 0;
    });
    expect(empty).toEqual([]);
    expect(targets.flatMap(({ expr }) => missingIn(expr))).toEqual([]);
  });

  test("every label of a legend is one", () => {
    const shown = targets.flatMap(({ legendFormat }) =>
      [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = ""]) => name),
    );
    expect(shown.length).toBeGreaterThan(0);
    expect(shown.filter((name) => !labels.has(name))).toEqual([]);
  });

  test("variables ask for metrics and labels that exist, and only known variables are used", () => {
    expect(variableQueries.map(({ label }) => label)).toEqual(["instance", "queue", "group"]);
    for (const { metric = "", label = "" } of variableQueries) {
      expect(missingIn(metric)).toEqual([]);
      expect(labels).toContain(label);
    }
    const known = [
      ...dashboard.templating.list.map(({ name }) => name),
      "__rate_interval",
      "__all",
    ];
    const used = [...dashboardText.matchAll(/\$\{?(\w+)/g)].map(([, name = ""]) => name);
    expect(used.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe("ops: the checks themselves", () => {
  test("names are told apart from labels, functions and durations", () => {
    const text = 'sum by (job, queue) (rate(a_total{route="b_total",x=~"$y"}[5m])) / 2e3 > c and d';
    expect(namesIn(text)).toEqual({
      metrics: ["a_total", "c", "d"],
      labels: ["route", "x", "job", "queue"],
      calls: ["sum", "rate"],
    });
  });

  test("a metric that nobody exports is found", () => {
    expect(missingIn("varve_queue_depht > 1")).toEqual(["varve_queue_depht"]);
    expect(missingIn("varve_sync_duration_seconds > 1")).toEqual(["varve_sync_duration_seconds"]);
    expect(missingIn("(varve_queue_depth > 1")).toEqual(["brackets of (varve_queue_depth > 1"]);
  });
});
