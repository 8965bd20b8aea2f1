// The queues in Prometheus form: all numbers of one scrape come from one look at the queues.

import { Counter, Gauge, type Registry } from "prom-client";
import type { QueueCounts, QueueDescription, Services } from "../services.ts";

/** Numbers are shown of at most this many queues, the first by name, so that a scrape stays small. */
const queuesMax = 500;

interface Row {
  readonly name: string;
  readonly help: string;
  readonly read: (counts: QueueCounts) => number;
}

const gauges: readonly Row[] = [
  {
    name: "varve_queue_depth",
    help: "Messages that are not settled: waiting, delayed and in flight.",
    read: ({ depth }) => depth,
  },
  { name: "varve_queue_bytes", help: "Bytes of these messages.", read: ({ bytes }) => bytes },
  {
    name: "varve_queue_in_flight",
    help: "Messages leased to receivers.",
    read: ({ inFlight }) => inFlight,
  },
  {
    name: "varve_queue_delayed",
    help: "Messages that are not to be delivered yet.",
    read: ({ delayed }) => delayed,
  },
  {
    name: "varve_queue_dead",
    help: "Dead letters that were not redriven.",
    read: ({ dead }) => dead,
  },
  {
    name: "varve_queue_oldest_age_seconds",
    help: "Age of the oldest message that is not settled; 0 when there is none.",
    read: ({ oldestAgeMs }) => (oldestAgeMs ?? 0) / 1000,
  },
];

const counters: readonly Row[] = [
  {
    name: "varve_queue_delivered_total",
    help: "Deliveries, repeated ones included.",
    read: ({ delivered }) => delivered,
  },
  { name: "varve_queue_acked_total", help: "Messages acknowledged.", read: ({ acked }) => acked },
  {
    name: "varve_queue_nacked_total",
    help: "Deliveries given back or rejected by their receivers.",
    read: ({ nacked }) => nacked,
  },
  {
    name: "varve_queue_lapsed_total",
    help: "Deliveries whose lease ran out.",
    read: ({ lapsed }) => lapsed,
  },
  {
    name: "varve_queue_expired_total",
    help: "Messages whose time was over before they were settled.",
    read: ({ expired }) => expired,
  },
  {
    name: "varve_queue_dropped_total",
    help: "Messages dropped for lack of room.",
    read: ({ dropped }) => dropped,
  },
];

/** What the metrics need of the engine. */
export type QueueSource = Pick<Services, "queues" | "shares">;

/** Registers the metrics of all queues. Call it once for each registry. */
export function watchQueues(registry: Registry, source: QueueSource): void {
  const registers = [registry];
  const labelNames = ["queue"];
  let underWay: Promise<Reading> | null = null;
  // The metrics of one scrape are collected side by side.
  const look = (): Promise<Reading> => {
    underWay ??= readQueues(source).finally(() => {
      underWay = null;
    });
    return underWay;
  };
  for (const { name, help, read } of gauges) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const { described } = await look();
        gauge.reset();
        for (const { queue, counts } of described) gauge.set({ queue }, read(counts));
      },
    });
  }
  for (const { name, help, read } of counters) {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        const { described } = await look();
        counter.reset();
        for (const { queue, counts } of described) counter.inc({ queue }, read(counts));
      },
    });
  }
  watchReading(registry, look);
}

function watchReading(registry: Registry, look: () => Promise<Reading>): void {
  const registers = [registry];
  const queues: Gauge = new Gauge({
    name: "varve_queues",
    help: "Queues.",
    registers,
    async collect() {
      queues.set((await look()).total);
    },
  });
  const unread: Gauge = new Gauge({
    name: "varve_queues_unread",
    help: "Queues without numbers here: they could not be read, or there are too many.",
    registers,
    async collect() {
      const { total, described } = await look();
      unread.set(total - described.length);
    },
  });
}

interface Reading {
  readonly total: number;
  readonly described: readonly QueueDescription[];
}

// Queue by queue: one that cannot be read is no reason to say nothing of the others.
async function readQueues({ shares, queues }: QueueSource): Promise<Reading> {
  const isQueue = ({ group }: { readonly group: string }): boolean => queues.lookup(group) !== null;
  const names = (await shares.list()).filter(isQueue).map(({ group }) => group);
  const described: QueueDescription[] = [];
  for (const name of names.sort().slice(0, queuesMax)) {
    const description = await queues.describe(name).catch(() => null);
    if (description !== null) described.push(description);
  }
  return { total: names.length, described };
}
