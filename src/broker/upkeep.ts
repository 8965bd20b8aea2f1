// All that a broker does unasked: housekeeping, looking for damage, compaction; begun and ended together.

import type { BrokerSettings, CompactionGauges } from "./broker-settings.ts";
import { Compactor, type CompactorOptions } from "./compactor.ts";
import { Housekeeping, type HousekeepingOptions } from "./housekeeping.ts";
import { type ScrubGauges, Scrubber, type ScrubberOptions } from "./scrubber.ts";

const bytesPerMib = 1_048_576;

/** What upkeep works with. */
export type UpkeepOptions = Omit<
  HousekeepingOptions & ScrubberOptions & CompactorOptions,
  "intervalMs" | "producerIdExpirationMs" | "bytesPerSecond" | "settings"
> & { readonly settings: BrokerSettings };

/** The upkeep of one broker. */
export class Upkeep {
  readonly #housekeeping: Housekeeping;
  readonly #scrubber: Scrubber;
  readonly #compactor: Compactor;

  /** @param options Topics, seams and settings. */
  constructor(options: UpkeepOptions) {
    const { settings } = options;
    const { producerIdExpirationMs } = settings;
    this.#housekeeping = new Housekeeping({
      ...options,
      intervalMs: settings.retentionCheckIntervalMs,
      producerIdExpirationMs,
    });
    this.#scrubber = new Scrubber({
      ...options,
      bytesPerSecond: settings.scrubMibPerSecond * bytesPerMib,
      intervalMs: settings.scrubIntervalMs,
    });
    this.#compactor = new Compactor(options);
  }

  /** Begins: once all who need old records have said so (`Log.hold`), for the first round is now. */
  start(): void {
    this.#housekeeping.start();
    this.#scrubber.start();
    this.#compactor.start();
  }

  /** A round of retention now, instead of at the next interval. */
  keepHouse(): Promise<void> {
    return this.#housekeeping.run();
  }

  /** A look through all sealed segments now. */
  scrub(): Promise<void> {
    return this.#scrubber.run();
  }

  /** Compacts what is due now, instead of at the next interval. */
  compact(): Promise<void> {
    return this.#compactor.run();
  }

  /** A topic came, went, or has another config. */
  topicChanged(name: string): void {
    this.#compactor.topicChanged(name);
  }

  /** Removes the directories of deleted topics after a time. */
  removeRetiredAfter(delayMs: number): void {
    this.#housekeeping.removeRetiredAfter(delayMs);
  }

  /** Damage found, as sentences. */
  warnings(): readonly string[] {
    return this.#scrubber.warnings();
  }

  /** Numbers for metrics. */
  gauges(): ScrubGauges & { readonly compaction: CompactionGauges } {
    return { ...this.#scrubber.gauges(), compaction: this.#compactor.gauges() };
  }

  /** Begins nothing any more. Compaction that is under way ends when its log is closed: see `ended`. */
  async stop(): Promise<void> {
    await this.#scrubber.close();
    this.#compactor.stop();
    await this.#housekeeping.close();
  }

  /** Resolves, after the logs were closed, when nothing is under way any more. */
  ended(): Promise<void> {
    return this.#compactor.close();
  }
}
