// How fast does HTTP produce go with acks=all, beside an empty fastify handler in the same run?

import { alternate, type Figure, figureOf, median, requestsPerSecond } from "./harness.ts";
import {
  createTopic,
  type Effort,
  jsonBody,
  metric,
  msgpackBody,
  startPair,
  value100,
} from "./workbench.ts";

const json = { "content-type": "application/json" };
const octets = { "content-type": "application/octet-stream" };
// The longest event-loop delay since the last scrape, in seconds; its resolution of 10 ms is part of it.
const stallMetric = "nodejs_eventloop_lag_max_seconds";
const msgpack = { "content-type": "application/msgpack" };

interface Case {
  readonly name: string;
  readonly question: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly recordCount: number;
  readonly connections: number;
  readonly query: string;
  readonly budget: string;
}

const cases: readonly Case[] = [
  {
    name: "http-single-raw",
    question: "one 100 B record a request as raw bytes, 100 connections, acks=all",
    headers: octets,
    body: Buffer.from(value100),
    recordCount: 1,
    connections: 100,
    query: "",
    budget: "at least 90 % of an empty fastify POST handler",
  },
  {
    name: "http-single-json",
    question: "one 100 B record a request as JSON, 100 connections, acks=all",
    headers: json,
    body: jsonBody(1),
    recordCount: 1,
    connections: 100,
    query: "",
    budget: "at least 90 % of an empty fastify POST handler",
  },
  {
    name: "http-batch-json",
    question: "100 records of 100 B a request as JSON, 64 connections, acks=all",
    headers: { ...json, prefer: "return=minimal" },
    body: jsonBody(100),
    recordCount: 100,
    connections: 64,
    query: "",
    budget: "at least 300,000 records/s",
  },
  {
    name: "http-batch-msgpack",
    question: "100 records of 100 B a request as MessagePack, 64 connections, acks=all",
    headers: { ...msgpack, accept: "application/msgpack", prefer: "return=minimal" },
    body: msgpackBody(100),
    recordCount: 100,
    connections: 64,
    query: "",
    budget: "at least 500,000 records/s",
  },
];

/** Runs the produce cases whose name contains `only`. */
export async function produceFigures(effort: Effort, only: string): Promise<readonly Figure[]> {
  const chosen = cases.filter((each) => each.name.includes(only));
  if (chosen.length === 0) return [];
  const pair = await startPair();
  try {
    const figures: Figure[] = [];
    for (const each of chosen) figures.push(await measure(each, effort, pair));
    return figures;
  } finally {
    await pair.close();
  }
}

async function measure(
  each: Case,
  effort: Effort,
  pair: Awaited<ReturnType<typeof startPair>>,
): Promise<Figure> {
  await createTopic(pair.varve.url, each.name);
  // A scrape begins the measurement anew: what was before the load does not count, the unmeasured round does.
  await metric(pair.varve.url, stallMetric);
  const p99s: number[] = [];
  const stallsMs: number[] = [];
  const run = async (url: string): Promise<number> => {
    const { connections, headers, body } = each;
    const load = {
      url,
      method: "POST",
      connections,
      seconds: effort.seconds,
      headers,
      body,
    } as const;
    const { rate, p99Ms } = await requestsPerSecond(load);
    if (url.startsWith(pair.varve.url)) {
      p99s.push(p99Ms);
      stallsMs.push(((await metric(pair.varve.url, stallMetric)) ?? 0) * 1000);
    }
    return rate * each.recordCount;
  };
  const found = await alternate(
    effort.rounds,
    () => run(`${pair.baselineUrl}/empty`),
    () => run(`${pair.varve.url}/v1/topics/${each.name}/records${each.query}`),
  );
  const unit = each.recordCount === 1 ? "requests/s" : "records/s";
  const { connections } = each;
  const facts = { p99Ms: median(p99s), stallMsMax: Math.max(...stallsMs), connections };
  return figureOf({ ...each, unit, facts }, found.subject, found.baseline);
}
