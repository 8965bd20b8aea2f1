// The broker itself: what a door may ask of the server as a whole.

import type { ConfigEntry } from "./topics.ts";

/** A directory that holds partitions, as DescribeLogDirs (API 35) shows it. */
export interface LogDirectory {
  readonly path: string;
  /** Bytes of its file system; -1 when unknown. */
  readonly totalBytes: number;
  /** Bytes that the server can still use of them; -1 when unknown. */
  readonly usableBytes: number;
}

/** The server as a whole. */
export interface BrokerServices {
  /** DescribeConfigs (API 32) of the broker: its settings by Kafka's names. They are read-only while it runs. */
  describeConfigs(): Promise<readonly ConfigEntry[]>;
  /** The one directory that holds all partitions. */
  logDirectory(): Promise<LogDirectory>;
}
