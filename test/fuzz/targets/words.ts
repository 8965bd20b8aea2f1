// What stands in addresses, headers, settings and protocols as text: positions, receipts, queries, patterns, configs.

import type { FastifyRequest } from "fastify";
import {
  changeConfigs,
  describeConfigs,
  parseConfigs,
  settingsOf,
} from "../../../src/broker/topic-config.ts";
import { topicConfigKeys } from "../../../src/broker/topic-config-keys.ts";
import { checkTopicName } from "../../../src/broker/topic-name.ts";
import { loadConfig } from "../../../src/config.ts";
import {
  bodyEncoding,
  type Encoding,
  mediaTypes,
  negotiate,
} from "../../../src/doors/http/negotiation.ts";
import { parsePosition } from "../../../src/doors/http/positions.ts";
import { produceTerms } from "../../../src/doors/http/produce-query.ts";
import {
  parseReceipt,
  receiptHead,
  receiptOffset,
  receiptTail,
} from "../../../src/doors/http/queue-receipts.ts";
import { readTerms } from "../../../src/doors/http/read-query.ts";
import type { HttpContext } from "../../../src/doors/http/http-context.ts";
import { FrameSplitter } from "../../../src/doors/kafka/frame-splitter.ts";
import {
  assignedPartitionsOf,
  subscribedTopicsOf,
} from "../../../src/group/classic-subscription.ts";
import { checkName } from "../../../src/group/group.ts";
import { Pattern } from "../../../src/group/pattern.ts";
import { settingsOfConfigs } from "../../../src/share/share-group-configs.ts";
import { type FuzzTarget, holds, sameBytes } from "../target.ts";

const perByte = (fixed: number, each: number, text: string): FuzzTarget["bound"] => ({
  text,
  bytes: (length) => fixed + each * length,
});

/** A stream of a Kafka connection: how it is cut into chunks is in its first bytes. */
export const frameStreams: FuzzTarget = {
  name: "frame-splitter",
  bound: perByte(
    131_072,
    24,
    "128 KiB, 24 bytes a byte, and what is announced, at most 4 KiB here",
  ),
  refusals: ["INVALID_REQUEST"],
  words: [
    Buffer.from([0, 0, 0, 8]),
    Buffer.from([0, 0, 0x10, 0]),
    "GET ",
    Buffer.from([0x16, 3, 1, 0]),
  ],
  samples: () => {
    const frame = Buffer.concat([Buffer.from([0, 0, 0, 10]), Buffer.from("0123456789")]);
    return [
      Buffer.concat([Buffer.from([3, 5, 7, 11]), frame, frame, frame]),
      Buffer.concat([Buffer.from([255, 1, 1, 1]), frame, frame]),
    ];
  },
  run(input) {
    const splitter = new FrameSplitter({
      frameBytesMax: 4096,
      mayTake: (bytes) => bytes % 3 !== 0,
    });
    const stream = Buffer.from(input.subarray(4));
    const frames: Uint8Array[] = [];
    for (let at = 0, turn = 0; at < stream.length; turn++) {
      const size = 1 + (input[turn & 3] ?? 0);
      splitter.push(stream.subarray(at, at + size));
      at += size;
      for (;;) {
        const frame = splitter.next();
        if (frame === null) {
          // What had no room has some now; what has not arrived stays away.
          splitter.admit();
          const admitted = splitter.next();
          if (admitted === null) break;
          frames.push(framed(admitted));
        } else {
          frames.push(framed(frame));
        }
      }
    }
    const whole = Buffer.concat(frames);
    sameBytes(whole, stream.subarray(0, whole.length), "frames that are not the stream");
    return 1 + Math.min(frames.length, 5);
  },
};

function framed(frame: Uint8Array): Uint8Array {
  const size = Buffer.alloc(4);
  size.writeInt32BE(frame.length);
  return Buffer.concat([size, frame]);
}

/** What members of classic groups say to each other. */
export const subscriptions: FuzzTarget = {
  name: "classic-subscription",
  bound: perByte(131_072, 64, "128 KiB and 64 bytes a byte: texts and numbers"),
  refusals: [],
  samples: () => [
    Buffer.from("0001000000020001610001620000000000000000", "hex"),
    Buffer.from("00010000000100016100000002000000000000000100000000", "hex"),
    new Uint8Array(0),
  ],
  run(input) {
    const topics = subscribedTopicsOf(input);
    const partitions = assignedPartitionsOf(input);
    return (topics === null ? 0 : 1) + (partitions === null ? 0 : 2);
  },
};

const names = ["", "orders", "orders-eu.1", "a_b", "ORDERS", "x".repeat(249)];

/** Regular expressions that members subscribe by. */
export const patterns: FuzzTarget = {
  name: "patterns",
  bound: perByte(
    4 << 20,
    2048,
    "4 MiB: a thousand steps of a set of characters; 2 KiB a byte for what is read",
  ),
  refusals: ["INVALID_REGULAR_EXPRESSION"],
  weight: 0.2,
  usualBytesMax: 120,
  words: [
    "(?i)",
    "(?:",
    "[^",
    "[[:alpha:]]",
    "\\p{L}",
    "\\P{Greek}",
    "\\pN",
    "{2,5}",
    "{1000}",
    "*",
    "+?",
    "\\Q",
    "\\E",
    "\\x{41}",
    "\\b",
    "$",
    "^",
    "|",
    ")",
    "(?P<n>",
    "-",
  ],
  samples: () =>
    [
      "orders.*",
      "(a|b)+c{2,3}[x-z]?",
      "(?i)^\\w+\\.(eu|us)$",
      "[^[:digit:]\\-]\\d{1,3}\\Qa.b\\E",
      "\\p{L}\\x41\\101",
    ].map((text) => Buffer.from(text)),
  run(input) {
    const pattern = new Pattern(input.toString());
    let matched = 0;
    for (const name of names) if (pattern.matches(name)) matched++;
    return 1 + matched;
  },
};

const encodings = Object.keys(mediaTypes) as Encoding[];
const context = { limits: { maxRecordsMax: 1000, maxBytesMax: 1 << 20, waitMsMax: 60_000 } };

/** Small texts of the HTTP door: the first byte says what, the rest is it. */
export const httpWords: FuzzTarget = {
  name: "http-words",
  bound: perByte(131_072, 256, "128 KiB and 256 bytes a byte: pieces of the text"),
  refusals: ["INVALID_REQUEST", "INVALID_REQUIRED_ACKS", "NOT_ACCEPTABLE"],
  usualBytesMax: 300,
  words: [
    "@",
    "-",
    "earliest",
    "latest",
    "2024-02-30T00:00:00Z",
    "+01:00",
    "9007199254740991",
    "q=0.5",
    "*/*",
    ";",
    ",",
    "&",
    "=",
    "acks=all",
    "partition=",
    "from=",
    "maxBytes=",
    "follow",
    "application/msgpack",
    "zzzzzzzzzzz",
    "%00",
    "return=minimal",
  ],
  samples: () =>
    [
      "0@1700000000000",
      "0-5",
      "0@2024-02-29T10:00:00.5+01:00",
      "11-2s-3-7",
      "2application/json;q=0.5, text/*;q=0, */*",
      "3acks=all&partition=3",
      "4from=-7&maxRecords=5&follow=false&as=text",
      "5APPLICATION/JSON; charset=utf-8",
      "6return=minimal, wait=3",
    ].map((text) => Buffer.from(text)),
  run(input) {
    const text = input.toString("latin1", 1);
    switch ((input[0] ?? 0) % 7) {
      case 0: {
        const position = parsePosition(text, "from");
        if (position.kind === "offset") holds(Number.isSafeInteger(position.offset), "no offset");
        if (position.kind === "time") {
          holds(position.timestampMs >= 0 && position.timestampMs <= 8.64e15, "no time");
        }
        return 1 + position.kind.length;
      }
      case 1: {
        const receipt = parseReceipt(text);
        if (receipt === null) return 0;
        const again = `${receiptHead(receipt.partition)}${receiptOffset(receipt.offset)}${receiptTail(receipt)}`;
        const known = parseReceipt(again);
        holds(JSON.stringify(known) === JSON.stringify(receipt), "another receipt");
        return 16;
      }
      case 2:
        return 20 + encodings.indexOf(negotiate(text, encodings).encoding);
      case 3: {
        const headers = { "if-offset-match": text.length % 5 === 0 ? text : undefined };
        const terms = produceTerms(requestOf(text, headers), ["acks", "partition"]);
        return 30 + terms.acks;
      }
      case 4: {
        const headers = {
          accept: text.length % 3 === 0 ? "text/event-stream" : undefined,
          "last-event-id": text,
        };
        const terms = readTerms(requestOf(text, headers), encodings, context as HttpContext);
        holds(terms.maxRecords <= 1000 && terms.waitMs <= 60_000, "terms beyond the limits");
        return 33;
      }
      case 5:
        return bodyEncoding(text) === null ? 0 : 34;
      default: {
        const headers = { prefer: text, "varve-producer-id": text, "varve-sequence": text };
        return produceTerms(requestOf("", headers), []).isMinimal ? 36 : 35;
      }
    }
  },
};

function requestOf(search: string, headers: object): FastifyRequest {
  const query: Record<string, string | string[]> = {};
  for (const [name, value] of new URLSearchParams(search)) {
    query[name] = Object.hasOwn(query, name) ? [value, value] : value;
  }
  return { query, headers } as unknown as FastifyRequest;
}

const keys = Object.keys(topicConfigKeys);

/** Settings: of topics and share groups as Kafka's tools give them, of the server as its environment does. */
export const settings: FuzzTarget = {
  name: "settings",
  bound: perByte(262_144, 512, "256 KiB and 512 bytes a byte: texts, numbers and the whole table"),
  refusals: ["INVALID_CONFIG", "INVALID_TOPIC_EXCEPTION", "INVALID_GROUP_ID"],
  weight: 0.4,
  usualBytesMax: 300,
  words: [
    ...keys,
    "=",
    "\n",
    "compact",
    "delete",
    "9223372036854775807",
    "-1",
    "+5",
    "0.5",
    "zstd",
    "share.delivery.count.limit",
    "VARVE_",
    "VARVE_HTTP_PORT",
    "true",
    "__proto__",
  ],
  samples: () =>
    [
      "0retention.ms=5\nsegment.bytes=1048576\ncleanup.policy=delete",
      "1share.record.lock.duration.ms=2000\nshare.auto.offset.reset=earliest",
      "2VARVE_PORT=80\nVARVE_HOST=::1",
      "3orders.eu-1",
      "4a group",
      "0compression.type=zstd\ncompression.zstd.level=3\nmin.cleanable.dirty.ratio=0.5",
    ].map((text) => Buffer.from(text)),
  run(input) {
    const text = input.toString("utf8", 1);
    const kind = (input[0] ?? 0) % 5;
    if (kind === 3) {
      checkTopicName(text);
      holds(
        text !== "." && text !== ".." && !text.includes("/"),
        "a name that leaves its directory",
      );
      return 20;
    }
    if (kind === 4) {
      checkName("group", text);
      return 21;
    }
    const pairs = Object.fromEntries(
      text.split("\n").map((line): [string, string] => {
        const cut = line.indexOf("=");
        return [cut < 0 ? line : line.slice(0, cut), cut < 0 ? "" : line.slice(cut + 1)];
      }),
    );
    if (kind === 1) return 1 + Object.keys(settingsOfConfigs({}, pairs)).length;
    if (kind === 2) {
      const config = loadConfig({ flags: {}, environment: pairs, file: null });
      return Object.keys(config).length > 0 ? 22 : 0;
    }
    const values = parseConfigs(pairs);
    const again = parseConfigs(Object.fromEntries(values));
    holds(JSON.stringify([...again]) === JSON.stringify([...values]), "another config");
    const { log } = settingsOf(values, new Map());
    holds(
      Object.values(log).every(
        (value) => !Number.isNaN(value as number) || typeof value !== "number",
      ),
      "no number",
    );
    const [name] = values.keys();
    if (name !== undefined) changeConfigs(values, { [name]: null }, new Map());
    describeConfigs(values, new Map());
    return 10 + Math.min(values.size, 5);
  },
};
