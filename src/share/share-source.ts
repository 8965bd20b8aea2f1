// What share groups ask of topics and their data.

import type { DataServices, TopicListing, TopicPartition } from "../services.ts";

/** Tells that something happened, or stops telling; whoever is told looks for itself. */
export interface Notice {
  (): void;
}

/** Where reading of a partition may begin and end. */
export interface SourcePositions {
  readonly logStartOffset: number;
  /** End of what is readable. */
  readonly highWatermark: number;
  /** End of what is readable and committed. */
  readonly lastStableOffset: number;
}

/** Topics and data as share groups use them. */
export interface ShareSource extends Pick<DataServices, "fetch" | "produce" | "listOffsets"> {
  /** A topic, synchronously; null when there is none. */
  topic(name: string): TopicListing | null;
  /**
   * Makes a topic that keeps everything, unless it is there.
   * @param like The topic whose partitions and record sizes it must have room for; null: nothing in particular.
   */
  ensureTopic(name: string, like: TopicListing | null): Promise<TopicListing>;
  /** Null when there is no such partition, or it cannot be read. */
  positions(place: TopicPartition): SourcePositions | null;
  /** Calls `listener` whenever the partition moved or ended; answers how to stop that. */
  watch(place: TopicPartition, listener: Notice): Notice;
  /** Records from here on must not be removed by age or size; null: nothing holds them. */
  hold(place: TopicPartition, holder: string, offset: number | null): void;
}
