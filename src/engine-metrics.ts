// The engine's numbers in Prometheus form: histograms fed by the engine's observer, gauges pulled when somebody asks.

import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { CompactionGauges } from "./broker/broker-settings.ts";
import type { Engine, EngineObserver } from "./engine.ts";
import type { RecoveryFacts } from "./log/log-options.ts";
import { watchQueues } from "./queue/queue-metrics.ts";

const diskBucketsSeconds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
const groupBuckets = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

/** Lag is shown for at most this many partitions of groups, so that a scrape stays small. */
const lagSeriesMax = 2000;

interface CompactionRow {
  readonly name: string;
  readonly help: string;
  readonly read: (compaction: CompactionGauges) => number;
}

const compactionGauges: readonly CompactionRow[] = [
  {
    name: "varve_compaction_dirty_ratio",
    help: "Largest part of a compacted topic's log that waits for compaction, 0 to 1.",
    read: ({ dirtyRatio }) => dirtyRatio,
  },
  {
    name: "varve_compaction_dirty_bytes",
    help: "Bytes that wait for compaction.",
    read: ({ dirtyBytes }) => dirtyBytes,
  },
  {
    name: "varve_compaction_last_run_timestamp_seconds",
    help: "When the last compaction ended well, Unix seconds; not a number before the first.",
    read: ({ lastRunMs }) => (lastRunMs < 0 ? Number.NaN : lastRunMs / 1000),
  },
];

const compactionCounters: readonly CompactionRow[] = [
  {
    name: "varve_compaction_runs_total",
    help: "Compactions of a log that ended well.",
    read: ({ runs }) => runs,
  },
  {
    name: "varve_compaction_errors_total",
    help: "Compactions that ended at something they could not read or write.",
    read: ({ errors }) => errors,
  },
  {
    name: "varve_compaction_read_bytes_total",
    help: "Bytes that compaction read.",
    read: ({ bytesRead }) => bytesRead,
  },
  {
    name: "varve_compaction_written_bytes_total",
    help: "Bytes that compaction wrote.",
    read: ({ bytesWritten }) => bytesWritten,
  },
  {
    name: "varve_compaction_removed_bytes_total",
    help: "Bytes that logs became smaller by.",
    read: ({ bytesRemoved }) => bytesRemoved,
  },
];

/** Hears the engine and registers its metrics. Construct it, open the engine with it, then `watch` the engine. */
export class EngineMetrics implements EngineObserver {
  readonly #registry: Registry;
  readonly #appendSeconds: Histogram;
  readonly #syncSeconds: Histogram;
  readonly #groupBytes: Histogram;
  readonly #appendedBytes: Counter;
  readonly #appendedRecords: Counter;
  readonly #fetchedBytes: Counter;
  readonly #recoveries: Counter;
  readonly #scannedBytes: Counter;
  readonly #cutBytes: Counter;

  /** @param registry Where the metrics are shown. */
  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    const histogram = (name: string, help: string, buckets: number[]): Histogram =>
      new Histogram({ name, help, buckets, registers });
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.#appendSeconds = histogram(
      "varve_append_duration_seconds",
      "From a produce to its answer by the engine.",
      diskBucketsSeconds,
    );
    this.#syncSeconds = histogram(
      "varve_sync_duration_seconds",
      "Time of one sync of a segment file.",
      diskBucketsSeconds,
    );
    this.#groupBytes = histogram(
      "varve_sync_bytes",
      "Bytes made durable by one sync.",
      groupBuckets,
    );
    this.#appendedBytes = counter("varve_appended_bytes_total", "Bytes of batches appended.");
    this.#appendedRecords = counter("varve_appended_records_total", "Records appended.");
    this.#fetchedBytes = counter("varve_fetched_bytes_total", "Bytes of batches fetched.");
    this.#recoveries = counter("varve_log_recoveries_total", "Logs recovered at start.");
    const scanned = "Bytes read and checked by recoveries, from the recovery points on.";
    this.#scannedBytes = counter("varve_log_scanned_bytes_total", scanned);
    this.#cutBytes = counter("varve_log_cut_bytes_total", "Bytes of torn tails set aside and cut.");
  }

  /** A group of batches is in the page cache. */
  appended(bytes: number, records: number): void {
    this.#appendedBytes.inc(bytes);
    this.#appendedRecords.inc(records);
  }

  /** A sync has succeeded. */
  synced(durationMs: number, bytes: number): void {
    this.#syncSeconds.observe(durationMs / 1000);
    this.#groupBytes.observe(bytes);
  }

  /** A log has been recovered. */
  recovered(facts: RecoveryFacts): void {
    this.#recoveries.inc();
    this.#scannedBytes.inc(facts.scannedBytes);
    this.#cutBytes.inc(facts.cutBytes);
  }

  /** A produce has been answered. */
  produced(durationMs: number): void {
    this.#appendSeconds.observe(durationMs / 1000);
  }

  /** A fetch has been answered. */
  fetched(bytes: number): void {
    this.#fetchedBytes.inc(bytes);
  }

  /** Adds the gauges that are read from an open engine at each scrape. */
  watch(engine: Engine): void {
    const gauge = (name: string, help: string, read: () => number): Gauge =>
      new Gauge({
        name,
        help,
        registers: [this.#registry],
        collect() {
          this.set(read());
        },
      });
    gauge("varve_topics", "Topics, internal ones included.", () => engine.gauges().topics);
    gauge("varve_partitions", "Open partitions.", () => engine.gauges().partitions);
    gauge("varve_in_flight_bytes", "Appends on their way.", () => engine.gauges().inFlightBytes);
    gauge("varve_lent_bytes", "Reply bytes lent out.", () => engine.gauges().lentBytes);
    gauge("varve_parked_fetches", "Fetches that wait.", () => engine.gauges().parkedFetches);
    gauge("varve_open_files", "Segment files kept open.", () => engine.gauges().openFiles);
    gauge("varve_disk_free_bytes", "Free bytes at the last look.", () => engine.gauges().freeBytes);
    gauge("varve_disk_level", "The disk has room (0), is filling up (1), is full (2).", () => {
      return ["roomy", "low", "full"].indexOf(engine.gauges().diskLevel);
    });
    gauge("varve_disk_stalled_seconds", "How long the disk has not answered.", () => {
      return engine.gauges().diskStalledMs / 1000;
    });
    gauge(
      "varve_clock_doubted_seconds",
      "How far the wall clock is ahead, unless believed.",
      () => {
        return engine.gauges().clockDoubtedMs / 1000;
      },
    );
    gauge("varve_open_transactions", "Transactions begun and not complete.", () => {
      return engine.gauges().openTransactions;
    });
    this.#watchScrub(engine);
    this.#watchCompaction(engine);
    this.#watchHealth(engine);
    this.#watchLag(engine);
    watchQueues(this.#registry, engine.services);
  }

  #watchScrub(engine: Engine): void {
    const registers = [this.#registry];
    const counter = (name: string, help: string, read: () => number): Counter =>
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    counter("varve_scrub_bytes_total", "Bytes of sealed segments read through for damage.", () => {
      return engine.gauges().scrubbedBytes;
    });
    counter("varve_scrub_rebuilt_indexes_total", "Indexes that were not their segment's.", () => {
      return engine.gauges().rebuiltIndexes;
    });
    new Gauge({
      name: "varve_scrub_last_pass_timestamp_seconds",
      help: "When the last look through all sealed segments ended; 0: none since the start.",
      registers,
      collect() {
        this.set(Math.max(0, engine.gauges().lastPassMs) / 1000);
      },
    });
    new Gauge({
      name: "varve_damaged_segments",
      help: "Sealed segments found damaged; 0 when all is well.",
      registers,
      collect() {
        this.set(engine.gauges().damagedSegments);
      },
    });
  }

  #watchCompaction(engine: Engine): void {
    const registers = [this.#registry];
    for (const { name, help, read } of compactionGauges) {
      const gauge: Gauge = new Gauge({
        name,
        help,
        registers,
        collect() {
          gauge.set(read(engine.gauges().compaction));
        },
      });
    }
    for (const { name, help, read } of compactionCounters) {
      const counter: Counter = new Counter({
        name,
        help,
        registers,
        collect() {
          counter.reset();
          counter.inc(read(engine.gauges().compaction));
        },
      });
    }
  }

  #watchHealth({ services }: Engine): void {
    const registers = [this.#registry];
    const problems: Gauge = new Gauge({
      name: "varve_problems",
      help: "Why the server is not ready: failed partitions and logs, lack of space; 0 when all is well.",
      registers,
      async collect() {
        problems.set((await services.health()).problems.length);
      },
    });
    const diskBytes: Gauge = new Gauge({
      name: "varve_disk_total_bytes",
      help: "Size of the file system of the data directory; not a number where it is unknown.",
      registers,
      async collect() {
        const { totalBytes } = await services.broker.logDirectory();
        diskBytes.set(totalBytes < 0 ? Number.NaN : totalBytes);
      },
    });
  }

  #watchLag(engine: Engine): void {
    new Gauge({
      name: "varve_group_lag_records",
      help: "Records between a group's committed offset and the log end.",
      labelNames: ["group", "topic", "partition"],
      registers: [this.#registry],
      async collect() {
        // Numbers are needed most when a coordinator has failed; then its groups are missing, and nothing else.
        const lags = await groupLags(engine).catch(() => []);
        this.reset();
        for (const lag of lags) {
          const { group, topic, partition } = lag;
          this.set({ group, topic, partition: String(partition) }, lag.records);
        }
      },
    });
  }
}

interface GroupLag {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly records: number;
}

async function groupLags(engine: Engine): Promise<readonly GroupLag[]> {
  const { groups, data } = engine.services;
  const lags: GroupLag[] = [];
  for (const { group } of await groups.list()) {
    const committed = await groups.committedOffsets(group, null);
    const ends = await data.listOffsets(committed.map((each) => ({ ...each, timestampMs: -1 })));
    for (const [index, each] of committed.entries()) {
      const end = ends[index];
      if (end === undefined || end.error !== null) continue;
      const records = Math.max(0, end.offset - each.offset);
      lags.push({ group, topic: each.topic, partition: each.partition, records });
      if (lags.length >= lagSeriesMax) return lags;
    }
  }
  return lags;
}
