// Share groups as the waist wants them: Kafka's members, what they acquire and acknowledge, and offsets for tools.

import { type ErrorName, LogError } from "../base/error.ts";
import type {
  AcknowledgeResult,
  PartitionAcknowledgement,
  ShareAcquirePartition,
  ShareAcquireRequest,
  ShareAcquireResult,
  ShareGroupDescription,
  ShareGroupListing,
  ShareHeartbeatRequest,
  ShareHeartbeatResult,
  SharePartitionOffset,
  ShareServices,
  TopicPartition,
} from "../services.ts";
import type { Delivered } from "./deliveries.ts";
import { decideAcknowledge, decideRelease } from "./settling.ts";
import type { ShareEngine } from "./share-engine.ts";
import type { ShareEvent } from "./share-events.ts";
import { groupConfigsOf, settingsOfConfigs } from "./share-group-configs.ts";
import type { ShareGroup } from "./share-machine.ts";
import { ShareMembers } from "./share-members.ts";

/** Share groups over one engine. */
export class ShareGroupsOver implements ShareServices {
  readonly #engine: ShareEngine;
  readonly #members: ShareMembers;
  readonly #isTaken: (group: string) => Promise<boolean>;

  /** @param isTaken Whether a consumer group has the name. */
  constructor(engine: ShareEngine, isTaken: (group: string) => Promise<boolean>) {
    this.#engine = engine;
    this.#isTaken = isTaken;
    const { clock, source } = engine.options;
    this.#members = new ShareMembers({ clock, topic: (name) => source.topic(name) });
  }

  async heartbeat(request: ShareHeartbeatRequest): Promise<ShareHeartbeatResult> {
    const { group } = request;
    if (group === "") throw new LogError("INVALID_GROUP_ID", "a share group needs a name");
    if (this.#engine.find(group) === null) {
      if (request.memberEpoch !== 0) this.#engine.need(group);
      await this.#checkFree(group);
      await this.#create(group);
    }
    return this.#members.heartbeat(request);
  }

  async list(): Promise<readonly ShareGroupListing[]> {
    return [...this.#engine.groups()].map(({ name }) => ({
      group: name,
      state: this.#stateOf(name),
    }));
  }

  async describe(name: string): Promise<ShareGroupDescription> {
    this.#engine.need(name);
    return { group: name, state: this.#stateOf(name), ...this.#members.describe(name) };
  }

  async acquire(request: ShareAcquireRequest): Promise<ShareAcquireResult> {
    const { group: name, memberId, partitions, maxRecords, maxWaitMs, ...rest } = request;
    const group = this.#engine.need(name);
    const delivery = await this.#engine.deliveries.receive({
      ...rest,
      group: name,
      places: partitions,
      max: maxRecords,
      waitMs: maxWaitMs,
      leaseMs: null,
      owner: memberId,
    });
    const found = byPartition(delivery.ranges);
    const missing = partitions.filter(({ topic, partition }) => {
      return group.find(topic, partition) === null;
    });
    const errors = missing.map((place): ShareAcquirePartition => {
      const detail = `there is no partition ${place.partition} of topic '${place.topic}'`;
      return { ...place, error: "UNKNOWN_TOPIC_OR_PARTITION", detail, batches: [], acquired: [] };
    });
    const lockMs = delivery.leaseMs;
    return { lockMs, partitions: [...found, ...errors], release: () => delivery.release() };
  }

  async acknowledge(
    name: string,
    memberId: string,
    partitions: readonly PartitionAcknowledgement[],
  ): Promise<readonly AcknowledgeResult[]> {
    const group = this.#engine.need(name);
    const { random } = this.#engine.options;
    return this.#engine.run(name, (nowMs) => {
      const events: ShareEvent[] = [];
      const reply = partitions.map(({ topic, partition: number, batches }) => {
        const partition = group.find(topic, number);
        const decided =
          partition === null
            ? null
            : decideAcknowledge(group, { partition, owner: memberId, batches }, { nowMs, random });
        events.push(...(decided ?? []));
        return outcome(
          { topic, partition: number },
          decided === null ? "INVALID_RECORD_STATE" : null,
        );
      });
      return { events, reply };
    });
  }

  async releaseAll(name: string, memberId: string): Promise<void> {
    const group = this.#engine.find(name);
    if (group === null) return;
    const { random } = this.#engine.options;
    await this.#engine.run(name, (nowMs) => decideRelease(group, memberId, { nowMs, random }));
  }

  async offsets(
    name: string,
    topics: readonly string[] | null,
  ): Promise<readonly SharePartitionOffset[]> {
    const group = this.#engine.need(name);
    const shown: SharePartitionOffset[] = [];
    for (const partition of group.partitions()) {
      if (topics !== null && !topics.includes(partition.topic)) continue;
      const { waiting, leased, leaving } = partition.counts;
      const end = this.#engine.scanner.endOf(group, partition) ?? partition.scannedTo;
      const lag = waiting + leased + leaving + Math.max(0, end - partition.scannedTo);
      const { topicId } = partition.header;
      const { topic, partition: number, startOffset } = partition;
      shown.push({ topic, partition: number, topicId, startOffset, lag });
    }
    return shown;
  }

  async alterOffsets(
    name: string,
    partitions: readonly (TopicPartition & { readonly startOffset: number })[],
  ): Promise<readonly AcknowledgeResult[]> {
    const group = this.#emptyGroup(name);
    const events: ShareEvent[] = [];
    const results = partitions.map(({ startOffset, ...place }) => {
      if (startOffset < 0) return outcome(place, "OFFSET_OUT_OF_RANGE");
      const isThere = this.#engine.options.source.positions(place) !== null;
      const header = isThere ? this.#engine.headerAt(group, place, startOffset) : null;
      if (header === null) return outcome(place, "UNKNOWN_TOPIC_OR_PARTITION");
      events.push({ kind: "partition", group: name, ...place, header });
      return outcome(place, null);
    });
    await this.#engine.run(name, () => ({ events, reply: undefined }));
    return results;
  }

  async deleteOffsets(
    name: string,
    topics: readonly string[],
  ): Promise<readonly (ErrorName | null)[]> {
    const group = this.#emptyGroup(name);
    const known = [...group.partitions()];
    const events = known
      .filter(({ topic }) => topics.includes(topic))
      .map(({ topic, partition }): ShareEvent => {
        return { kind: "partition", group: name, topic, partition, header: null };
      });
    await this.#engine.run(name, () => ({ events, reply: undefined }));
    return topics.map((topic) => {
      const isKnown = known.some((partition) => partition.topic === topic);
      return isKnown ? null : "UNKNOWN_TOPIC_OR_PARTITION";
    });
  }

  async delete(name: string): Promise<void> {
    this.#emptyGroup(name);
    await this.#engine.remove(name);
  }

  async groupConfigs(name: string): Promise<Readonly<Record<string, string>>> {
    return groupConfigsOf(this.#engine.find(name)?.given ?? {});
  }

  async alterGroupConfigs(
    name: string,
    changes: Readonly<Record<string, string | null>>,
    { validateOnly }: { readonly validateOnly: boolean } = { validateOnly: false },
  ): Promise<void> {
    if (name === "") throw new LogError("INVALID_GROUP_ID", "a share group needs a name");
    if (this.#engine.find(name) === null) await this.#checkFree(name);
    const settings = settingsOfConfigs(this.#engine.find(name)?.given ?? {}, changes);
    if (validateOnly) return;
    const event: ShareEvent = { kind: "group", group: name, settings };
    await this.#engine.run(name, () => ({ events: [event], reply: undefined }));
  }

  async #checkFree(name: string): Promise<void> {
    if (await this.#isTaken(name)) throw notShared(name);
  }

  // Somebody else may have made it meanwhile, with settings.
  async #create(group: string): Promise<void> {
    const event: ShareEvent = { kind: "group", group, settings: {} };
    await this.#engine.run(group, () => {
      const isNew = this.#engine.find(group) === null;
      return { events: isNew ? [event] : [], reply: undefined };
    });
  }

  #emptyGroup(name: string): ShareGroup {
    const group = this.#engine.need(name);
    if (this.#members.countOf(name) === 0) return group;
    throw new LogError("NON_EMPTY_GROUP", `share group '${name}' has members`);
  }

  #stateOf(name: string): "EMPTY" | "STABLE" {
    return this.#members.countOf(name) === 0 ? "EMPTY" : "STABLE";
  }
}

function byPartition(ranges: readonly Delivered[]): readonly ShareAcquirePartition[] {
  const found = new Map<string, Delivered[]>();
  for (const range of ranges) {
    const name = `${range.topic} ${range.partition}`;
    found.set(name, [...(found.get(name) ?? []), range]);
  }
  return [...found.values()].flatMap((all) => {
    const sorted = all.toSorted((one, other) => one.first - other.first);
    const [one] = sorted;
    if (one === undefined) return [];
    const acquired = sorted.map(({ first, last, deliveries }) => {
      return { firstOffset: first, lastOffset: last, deliveryCount: deliveries };
    });
    const batches = [...new Set(sorted.map((range) => range.batches))];
    const { topic, partition } = one;
    return [{ topic, partition, error: null, detail: null, batches, acquired }];
  });
}

function outcome({ topic, partition }: TopicPartition, error: ErrorName | null): AcknowledgeResult {
  const isState = error === "INVALID_RECORD_STATE";
  const detail = isState
    ? "a record is not acquired by this member, or its lock has lapsed"
    : error;
  return { topic, partition, error, detail };
}

function notShared(group: string): LogError {
  return new LogError("GROUP_ID_NOT_FOUND", `'${group}' is a consumer group`);
}
