// How fast does a reader drain a topic over HTTP, and how soon does a long poll wake after a produce?

import { type Figure, figureOf, percentile, requestsPerSecond } from "./harness.ts";
import { createTopic, type Effort, msgpackBody, startPair } from "./workbench.ts";

const encodings = [
  { name: "json", accept: "application/json", budget: null },
  { name: "msgpack", accept: "application/msgpack", budget: null },
  { name: "batches", accept: "application/vnd.varve.batches", budget: null },
] as const;

/** Runs the read cases whose name contains `only`. */
export async function readFigures(effort: Effort, only: string): Promise<readonly Figure[]> {
  const wantsRead = encodings.filter((each) => `http-read-${each.name}`.includes(only));
  const wantsWake = "long-poll-wake".includes(only);
  if (wantsRead.length === 0 && !wantsWake) return [];
  const pair = await startPair();
  try {
    const figures: Figure[] = [];
    await fill(pair.varve.url, effort);
    for (const each of wantsRead) {
      const rates: number[] = [];
      for (let round = 0; round < effort.rounds; round++) {
        rates.push(await readRate(pair.varve.url, each.accept, effort));
      }
      const question = `records of 100 B read 500 at a time as ${each.name}, 8 readers`;
      const about = {
        name: `http-read-${each.name}`,
        question,
        unit: "records/s",
        budget: each.budget,
      };
      figures.push(figureOf(about, rates));
    }
    if (wantsWake) figures.push(await wake(pair.varve.url, effort));
    return figures;
  } finally {
    await pair.close();
  }
}

async function fill(url: string, effort: Effort): Promise<void> {
  await createTopic(url, "read");
  const body = msgpackBody(100);
  const requests = Math.max(10, Math.floor(2000 * effort.scale));
  for (let index = 0; index < requests; index++) {
    const response = await fetch(`${url}/v1/topics/read/records`, {
      method: "POST",
      headers: { "content-type": "application/msgpack", prefer: "return=minimal" },
      body,
    });
    if (!response.ok) throw new Error(`fill: ${response.status}`);
    await response.arrayBuffer();
  }
}

async function readRate(url: string, accept: string, effort: Effort): Promise<number> {
  const { rate } = await requestsPerSecond({
    url: `${url}/v1/topics/read/partitions/0/records?from=0&maxRecords=500&maxBytes=65536`,
    method: "GET",
    connections: 8,
    seconds: effort.seconds,
    headers: { accept },
    body: null,
  });
  const sample = await fetch(
    `${url}/v1/topics/read/partitions/0/records?from=0&maxRecords=500&maxBytes=65536`,
  );
  const { records } = (await sample.json()) as { records: unknown[] };
  return rate * records.length;
}

async function wake(url: string, effort: Effort): Promise<Figure> {
  await createTopic(url, "wake");
  const waits: number[] = [];
  const polls = Math.max(20, Math.floor(400 * effort.scale));
  for (let offset = 0; offset < polls; offset++) {
    const poll = fetch(`${url}/v1/topics/wake/partitions/0/records?from=${offset}&waitMs=10000`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const sentAt = performance.now();
    const produced = fetch(`${url}/v1/topics/wake/records`, { method: "POST", body: "x" });
    await (await poll).arrayBuffer();
    waits.push(performance.now() - sentAt);
    await (await produced).arrayBuffer();
  }
  const facts = {
    p99Ms: percentile(waits, 0.99),
  };
  const about = {
    name: "long-poll-wake",
    question: "produce sent (acks=all) until a waiting reader has the record",
    unit: "ms",
    budget: null,
    facts,
  };
  return figureOf(about, waits);
}
