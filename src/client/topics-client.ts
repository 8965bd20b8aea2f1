// Topics over HTTP: create, list, describe, alter, delete, trim, and offsets at a position.

import { VarveError } from "./errors.ts";
import type { HttpTransport } from "./http-transport.ts";
import { encodeBody } from "./message-pack.ts";
import type { Isolation } from "./records.ts";

/** A topic as listed. */
export interface TopicSummary {
  readonly name: string;
  readonly partitions: number;
  /** True for the server's own topics. */
  readonly internal: boolean;
}

/** One config key with where its value comes from. */
export interface TopicConfigValue {
  readonly value: string;
  readonly source: string;
}

/** One partition of a topic. */
export interface PartitionDetails {
  readonly partition: number;
  readonly logStartOffset: number;
  /** Offsets below are readable. */
  readonly highWatermark: number;
  readonly logEndOffset: number;
  /** How many segment files. */
  readonly segments: number;
  /** Bytes of all segment files. */
  readonly bytes: number;
}

/** A topic in full. */
export interface TopicDetails {
  readonly name: string;
  readonly id: string;
  readonly config: Readonly<Record<string, TopicConfigValue>>;
  readonly partitions: readonly PartitionDetails[];
}

/** Config to set: numbers and booleans are sent as text. */
export type TopicConfig = Readonly<Record<string, string | number | boolean>>;

/** What a new topic is to be like; what is left out takes the server's default. */
export interface TopicSettings {
  readonly partitions?: number;
  readonly config?: TopicConfig;
}

/** Changes to a topic. */
export interface TopicChanges {
  /** The new total, never fewer than now. */
  readonly partitions?: number;
  /** Only the keys given change; null resets a key to its default. */
  readonly config?: Readonly<Record<string, string | number | boolean | null>>;
}

/** An offset in one partition. */
export interface PartitionOffset {
  readonly partition: number;
  readonly offset: number;
}

/** Calls about topics. All throw VarveError. */
export class TopicsClient {
  readonly #transport: HttpTransport;

  /** @param transport The way to the server. */
  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  /**
   * Creates a topic, or confirms that it exists with the same settings.
   *
   * @returns True when it is new.
   * @throws TOPIC_ALREADY_EXISTS with other partitions or config; INVALID_CONFIG; INVALID_TOPIC_EXCEPTION
   */
  async create(topic: string, settings: TopicSettings = {}): Promise<boolean> {
    const { partitions, config } = settings;
    const reply = await this.#transport.call({
      method: "PUT",
      path: topicPath(topic),
      body: encodeBody({
        ...(partitions === undefined ? {} : { partitions }),
        ...(config === undefined ? {} : { config: textConfig(config) }),
      }),
      resend: "always",
    });
    return reply.status === 201;
  }

  /** Lists the topics whose names begin with `prefix`. */
  async list(prefix: string | null = null): Promise<readonly TopicSummary[]> {
    const reply = await this.#transport.call({
      method: "GET",
      path: "/v1/topics",
      query: { prefix },
      resend: "always",
    });
    return (reply.body as { topics: readonly TopicSummary[] }).topics;
  }

  /** Describes a topic. @throws UNKNOWN_TOPIC_OR_PARTITION */
  async describe(topic: string): Promise<TopicDetails> {
    const path = topicPath(topic);
    const reply = await this.#transport.call({ method: "GET", path, resend: "always" });
    return reply.body as TopicDetails;
  }

  /** Changes a topic. @throws INVALID_PARTITIONS when there would be fewer; INVALID_CONFIG */
  async alter(topic: string, changes: TopicChanges): Promise<void> {
    const { partitions, config } = changes;
    await this.#transport.call({
      method: "PATCH",
      path: topicPath(topic),
      body: encodeBody({
        ...(partitions === undefined ? {} : { partitions }),
        ...(config === undefined ? {} : { config: textConfig(config) }),
      }),
      resend: "always",
    });
  }

  /** Deletes a topic with all its records. @throws UNKNOWN_TOPIC_OR_PARTITION */
  async delete(topic: string): Promise<void> {
    try {
      await this.#transport.call({ method: "DELETE", path: topicPath(topic), resend: "always" });
    } catch (error) {
      if (isGoneAfterRetry(error)) return;
      throw error;
    }
  }

  /**
   * The offset in each partition at a position.
   *
   * @param at        `earliest`, `latest`, an offset, `-N`, `@<milliseconds>` or `@<ISO 8601>`.
   * @param isolation Whose `latest`; by default that of `read_committed`.
   */
  async offsets(
    topic: string,
    at: string | number = "latest",
    isolation?: Isolation,
  ): Promise<readonly PartitionOffset[]> {
    const reply = await this.#transport.call({
      method: "GET",
      path: `${topicPath(topic)}/offsets`,
      query: { at, isolation: isolation ?? null },
      resend: "always",
    });
    return (reply.body as { offsets: readonly PartitionOffset[] }).offsets;
  }

  /** Forgets the records below the given offsets; answers the new log starts. */
  async trim(
    topic: string,
    before: readonly PartitionOffset[],
  ): Promise<readonly { readonly partition: number; readonly logStartOffset: number }[]> {
    const reply = await this.#transport.call({
      method: "POST",
      path: `${topicPath(topic)}/trim`,
      body: encodeBody({ before }),
      resend: "always",
    });
    const body = reply.body as {
      partitions: readonly { readonly partition: number; readonly logStartOffset: number }[];
    };
    return body.partitions;
  }
}

/** The path of a topic. */
export function topicPath(topic: string): string {
  return `/v1/topics/${encodeURIComponent(topic)}`;
}

/** True when a delete found nothing because an earlier attempt of the same call had done it. */
export function isGoneAfterRetry(error: unknown): boolean {
  return error instanceof VarveError && error.status === 404 && error.mayHaveApplied;
}

function textConfig(config: NonNullable<TopicChanges["config"]>): Record<string, string | null> {
  const entries = Object.entries(config);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, value === null ? null : String(value)]),
  );
}
