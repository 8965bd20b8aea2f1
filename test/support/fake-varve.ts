// Just enough of a Varve server to test clients against: topics in memory, and a hook to spoil any request.

import { type Answer, FakeHttpServer, problem, type SeenRequest } from "./fake-http-server.ts";

interface StoredRecord {
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, unknown>>;
}

interface WireRecord {
  readonly partition?: number;
  readonly timestampMs?: number;
  readonly key?: Uint8Array | string;
  readonly value?: Uint8Array | string;
  readonly headers?: Readonly<Record<string, unknown>>;
}

/** Decides about a request before the server does; null lets the server answer. */
export type Spoil = (request: SeenRequest) => Answer | null | Promise<Answer | null>;

const asBytes = (value: Uint8Array | string | undefined): Uint8Array | null =>
  value === undefined ? null : Buffer.from(value as string);

/** A server in memory. Groups have one member at most: enough to see what a member sends. */
export class FakeVarve {
  readonly topics = new Map<string, StoredRecord[][]>();
  /** By `group/topic/partition`. */
  readonly committed = new Map<string, number>();
  /** Where a member's next poll reads, by `group/member/topic/partition`. */
  readonly positions = new Map<string, number>();
  /** Config of every topic as described. */
  config: Record<string, { value: string; source: string }> = {
    "retention.ms": { value: "7", source: "topic" },
  };
  /** Producer ids given out. */
  producerIds = 0;
  /** What partitions remember of producers, by `topic/partition/id`. */
  readonly sequences = new Map<
    string,
    { epoch: number; next: number; sent: Map<number, Answer> }
  >();
  /** Looks at each request first; after `applied` ones the work is done and only the reply is spoilt. */
  spoil: Spoil = () => null;
  /** Spoils the reply after the work was done. */
  spoilReply: Spoil = () => null;
  #server: FakeHttpServer | null = null;

  static async start(topics: Readonly<Record<string, number>> = {}): Promise<FakeVarve> {
    const fake = new FakeVarve();
    for (const [name, count] of Object.entries(topics)) fake.create(name, count);
    fake.#server = await FakeHttpServer.start(async (request) => {
      const spoilt = await fake.spoil(request);
      if (spoilt !== null) return spoilt;
      const answer = fake.#answer(request);
      return (await fake.spoilReply(request)) ?? answer;
    });
    return fake;
  }

  get url(): string {
    return this.#server?.url ?? "";
  }

  get requests(): readonly SeenRequest[] {
    return this.#server?.requests ?? [];
  }

  stop(): Promise<void> {
    return this.#server?.stop() ?? Promise.resolve();
  }

  create(name: string, partitions: number): void {
    this.topics.set(
      name,
      Array.from({ length: partitions }, () => []),
    );
  }

  append(topic: string, partition: number, ...values: readonly (string | Uint8Array)[]): void {
    const records = this.topics.get(topic)?.[partition];
    for (const value of values) {
      records?.push({ timestampMs: 0, key: null, value: asBytes(value), headers: {} });
    }
  }

  /** The values of a partition as text. */
  values(topic: string, partition: number): readonly string[] {
    const records = this.topics.get(topic)?.[partition] ?? [];
    return records.map((record) => Buffer.from(record.value ?? "").toString());
  }

  #answer(request: SeenRequest): Answer {
    const [, , kind, rawName, action, index] = request.path.split("/");
    const name = decodeURIComponent(rawName ?? "");
    if (kind === "producers") {
      return { status: 201, body: { producerId: ++this.producerIds, producerEpoch: 0 } };
    }
    if (kind === "groups") return this.#group(request, name, action ?? "");
    if (kind !== "topics") return { status: 200, body: {} };
    if (request.method === "PUT") {
      const isNew = !this.topics.has(name);
      const { partitions = 1 } = request.body as { partitions?: number };
      if (isNew) this.create(name, partitions);
      return { status: isNew ? 201 : 200, body: {} };
    }
    if (rawName === undefined) {
      const topics = [...this.topics].map(([topic, parts]) => ({
        name: topic,
        partitions: parts.length,
        internal: false,
      }));
      return { status: 200, body: { topics } };
    }
    const topic = this.topics.get(name);
    if (action === "records" && request.method === "POST") return this.#produce(request, name);
    if (topic === undefined) return problem(404, "UNKNOWN_TOPIC_OR_PARTITION", { topic: name });
    if (request.method === "DELETE") {
      this.topics.delete(name);
      return { status: 204 };
    }
    if (action === "offsets") return this.#offsets(topic, request.query["at"] ?? "latest");
    if (action === "partitions") return this.#read(topic, Number(index), request);
    if (action === "records") return this.#merged(topic, request);
    return { status: 200, body: { ...describe(name, topic), config: this.config } };
  }

  #produce(request: SeenRequest, name: string): Answer {
    if (!this.topics.has(name)) this.create(name, 1);
    const { records } = request.body as { records: readonly WireRecord[] };
    const id = request.headers["varve-producer-id"];
    if (id === undefined) return this.#append(request, name);
    const epoch = Number(request.headers["varve-producer-epoch"]);
    const sequence = Number(request.headers["varve-sequence"]);
    const key = `${name}/${request.query["partition"] ?? ""}/${String(id)}`;
    const known = this.sequences.get(key);
    if (known !== undefined && epoch < known.epoch) return problem(409, "INVALID_PRODUCER_EPOCH");
    const isSame = known !== undefined && epoch === known.epoch;
    const before = isSame ? known.sent.get(sequence) : undefined;
    if (before !== undefined) return before;
    const expectedSequence = isSame ? known.next : known === undefined ? sequence : 0;
    if (sequence !== expectedSequence) {
      return problem(409, "OUT_OF_ORDER_SEQUENCE_NUMBER", { expectedSequence });
    }
    const answer = this.#append(request, name);
    const sent = (isSame ? known.sent : new Map<number, Answer>()).set(sequence, answer);
    this.sequences.set(key, { epoch, next: sequence + records.length, sent });
    return answer;
  }

  #append(request: SeenRequest, name: string): Answer {
    const topic = this.topics.get(name) ?? [];
    const { records } = request.body as { records: readonly WireRecord[] };
    const results = records.map((record) => {
      const partition = Number(request.query["partition"] ?? record.partition ?? 0);
      const log = topic[partition] ?? [];
      const offset = log.length;
      log.push({
        timestampMs: record.timestampMs ?? 0,
        key: asBytes(record.key),
        value: asBytes(record.value),
        headers: record.headers ?? {},
      });
      return { partition, offset };
    });
    if (request.query["acks"] === "0") return { status: 202 };
    if (request.headers["prefer"] !== "return=minimal") {
      return { status: 200, body: { results, durability: "fsync" } };
    }
    const [first] = results;
    const append = { ...first, baseOffset: first?.offset, count: results.length };
    return { status: 200, body: { partitions: [append], durability: "fsync" } };
  }

  #offsets(topic: readonly StoredRecord[][], at: string): Answer {
    const offsets = topic.map((log, partition) => {
      const back = /^-(\d+)$/.exec(at)?.[1];
      const offset =
        back !== undefined
          ? Math.max(0, log.length - Number(back))
          : at === "latest"
            ? log.length
            : 0;
      return { partition, offset };
    });
    return { status: 200, body: { offsets: offsets.reverse() } };
  }

  #read(topic: readonly StoredRecord[][], partition: number, request: SeenRequest): Answer {
    const log = topic[partition];
    if (log === undefined) return problem(404, "UNKNOWN_TOPIC_OR_PARTITION", { partition });
    const from = Number(request.query["from"] ?? 0);
    if (from > log.length) return problem(416, "OFFSET_OUT_OF_RANGE", { logEndOffset: log.length });
    const records = slice(log, {
      partition,
      from,
      max: Number(request.query["maxRecords"] ?? 500),
    });
    const nextOffset = from + records.length;
    const body = { records, nextOffset, highWatermark: log.length, logStartOffset: 0 };
    return { status: 200, body };
  }

  #merged(topic: readonly StoredRecord[][], request: SeenRequest): Answer {
    const next = new Map(
      (request.query["from"] ?? "").split(",").map((part) => {
        const [partition, offset] = part.split(":").map(Number);
        return [partition ?? 0, offset ?? 0];
      }),
    );
    const records = topic.flatMap((log, partition) => {
      const from = next.get(partition) ?? 0;
      const found = slice(log, { partition, from, max: 500 });
      next.set(partition, from + found.length);
      return found;
    });
    const vector = [...next].map(([partition, offset]) => `${partition}:${offset}`).join(",");
    return { status: 200, body: { records, next: vector } };
  }

  #group(request: SeenRequest, group: string, action: string): Answer {
    const body = request.body as {
      member: string;
      topics: readonly string[];
      maxRecords: number;
      offsets: readonly { topic: string; partition: number; offset: number }[];
    };
    const memberKey = `${group}/${body?.member}/`;
    if (action === "commit") {
      for (const { topic, partition, offset } of body.offsets) {
        this.committed.set(`${group}/${topic}/${partition}`, offset);
      }
      return { status: 200, body: { offsets: [] } };
    }
    if (action === "leave") {
      for (const key of this.positions.keys()) {
        if (key.startsWith(memberKey)) this.positions.delete(key);
      }
      return { status: 204 };
    }
    const records = body.topics.flatMap((topic) =>
      (this.topics.get(topic) ?? []).flatMap((log, partition) => {
        const key = `${memberKey}${topic}/${partition}`;
        const start = this.committed.get(`${group}/${topic}/${partition}`) ?? 0;
        const from = this.positions.get(key) ?? start;
        const found = slice(log, { partition, from, max: body.maxRecords });
        this.positions.set(key, from + found.length);
        return found.map((record) => ({ topic, ...record }));
      }),
    );
    const assignment = body.topics.map((topic) => ({
      topic,
      partitions: (this.topics.get(topic) ?? []).map((_, partition) => partition),
    }));
    const reply = { member: body.member, epoch: 3, assignment, records, positions: [] };
    return { status: 200, body: reply };
  }
}

function slice(
  log: readonly StoredRecord[],
  { partition, from, max }: { partition: number; from: number; max: number },
) {
  return log
    .slice(from, from + max)
    .map((record, index) => ({ partition, offset: from + index, ...record }));
}

function describe(name: string, topic: readonly StoredRecord[][]) {
  const partitions = topic.map((log, partition) => ({
    partition,
    logStartOffset: 0,
    highWatermark: log.length,
    logEndOffset: log.length,
    segments: 1,
    bytes: 0,
  }));
  return {
    name,
    id: "id",
    partitions,
  };
}
