// The calls that the clients of a torture make, over both doors.

import type { ApiName, EncodableRequest, ResponseOf } from "../../src/protocol/apis.ts";
import { KafkaWire } from "../support/kafka-wire.ts";

/** Where a server is reached. */
export interface Endpoints {
  readonly url: string;
  /** `host:port` of Kafka's protocol. */
  readonly kafka: string;
}

/** An answer that is a refusal. */
export class Refused extends Error {
  /** HTTP status, or Kafka's error code. */
  readonly status: number;

  constructor(call: string, status: number, detail: string) {
    super(`${call}: ${status} ${detail}`);
    this.status = status;
  }
}

/** Whether the connection broke, which tells nothing of what the server did. */
export function isBroken(error: unknown): boolean {
  if (error instanceof TypeError) return true;
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  return (code ?? "").startsWith("ECONN") || code === "EPIPE" || message === "connection closed";
}

/** Makes a call of the HTTP door; answers the body, null where there is none. */
export async function callHttp(url: string, call: string, body: unknown = null): Promise<unknown> {
  const [method = "", path = ""] = call.split(" ");
  const response = await fetch(`${url}${path}`, {
    method,
    ...(body === null
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Refused(call, response.status, text.slice(0, 300));
  return text === "" ? null : (JSON.parse(text) as unknown);
}

/** A record as it is read. */
export interface FoundRecord {
  readonly offset: number;
  readonly text: string;
}

/** Reads a partition from an offset to what is its end by then. */
export async function readPartition(
  url: string,
  place: { readonly topic: string; readonly partition: number; readonly from?: number },
  isolation = "read_uncommitted",
): Promise<{ readonly records: readonly FoundRecord[]; readonly end: number }> {
  const records: FoundRecord[] = [];
  for (let from = place.from ?? 0; ; ) {
    const query = `from=${from}&maxRecords=10000&maxBytes=8388608&as=text&isolation=${isolation}`;
    const path = `/v1/topics/${place.topic}/partitions/${place.partition}/records?${query}`;
    const page = (await callHttp(url, `GET ${path}`)) as {
      readonly records: readonly FoundRecord[];
      readonly nextOffset: number;
    };
    records.push(...page.records);
    if (page.nextOffset === from) return { records, end: from };
    from = page.nextOffset;
  }
}

/** Offsets a group has committed for a topic, by partition; empty when there is no such group. */
export async function committedOffsets(
  url: string,
  group: string,
): Promise<ReadonlyMap<number, number>> {
  try {
    const body = (await callHttp(url, `GET /v1/groups/${group}/offsets`)) as {
      readonly offsets: readonly { partition: number; committedOffset: number | null }[];
    };
    return new Map(body.offsets.map((each) => [each.partition, each.committedOffset ?? -1]));
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return new Map();
    throw error;
  }
}

// Kafka's codes for "ask again": load, not available, not coordinator, a transaction that is being ended.
const again = new Set([14, 15, 16, 51]);

/** A connection to the Kafka door that is made anew where it broke. */
export class KafkaCalls {
  #wire: KafkaWire | null = null;

  /** Asks until the answer is none of "ask again"; `codeOf` finds the answer's error code. */
  async call<Name extends ApiName>(
    address: string,
    ask: { readonly name: Name; readonly version: number; readonly body: EncodableRequest<Name> },
    codeOf: (answer: ResponseOf<Name>) => number,
  ): Promise<ResponseOf<Name>> {
    if (this.#wire === null || this.#wire.isClosed) this.#wire = await KafkaWire.open(address);
    const wire = this.#wire;
    for (let attempt = 0; ; attempt++) {
      const answer = await wire.call(ask.name, ask.version, ask.body);
      const code = codeOf(answer);
      if (code === 0) return answer;
      if (!again.has(code) || attempt === 200) throw new Refused(ask.name, code, "");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Ends the connection. */
  close(): void {
    this.#wire?.drop();
    this.#wire = null;
  }
}

/** A producer id and its epoch. */
export interface ProducerName {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** InitProducerId: ends whatever an earlier producer of a transactional id has left open. */
export async function initProducer(
  kafka: KafkaCalls,
  address: string,
  transactionalId: string | null,
): Promise<ProducerName> {
  const body = { transactionalId, transactionTimeoutMs: 600_000 };
  const ask = { name: "initProducerId", version: 4, body } as const;
  const { producerId, producerEpoch } = await kafka.call(address, ask, (each) => each.errorCode);
  return { producerId, producerEpoch };
}

/** Produces one batch to one partition, acks=all; answers its first offset. */
export async function produceBatch(
  kafka: KafkaCalls,
  address: string,
  ask: {
    readonly transactionalId: string | null;
    readonly topic: string;
    readonly partition: number;
    readonly records: Uint8Array;
  },
): Promise<number> {
  const { transactionalId, topic, partition, records } = ask;
  const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }];
  const body = { transactionalId, acks: -1, timeoutMs: 30_000, topicData };
  const answer = await kafka.call(address, { name: "produce", version: 9, body }, (each) => {
    return each.responses[0]?.partitionResponses[0]?.errorCode ?? -1;
  });
  return answer.responses[0]?.partitionResponses[0]?.baseOffset ?? -1;
}
