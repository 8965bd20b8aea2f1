// Scenarios for @platformatic/kafka against one broker; run with the folder that holds its node_modules as PACKAGE.
//
//   node platformatic_client.mjs 127.0.0.1:9092 produce consume ...
//
// Prints a line for each scenario: `ok <scenario>`, or `failed <scenario> <why>`.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const entry = createRequire(`${process.env.PACKAGE}/package.json`).resolve("@platformatic/kafka");
const {
  Admin,
  compatibilityPartitioner,
  Consumer,
  Producer,
  stringDeserializers,
  stringSerializers,
} = await import(
  pathToFileURL(entry).href
);

const [bootstrap, ...wanted] = process.argv.slice(2);
const base = { clientId: "platformatic", bootstrapBrokers: [bootstrap], retries: 5 };
const toClose = [];

function opened(client) {
  toClose.push(client);
  return client;
}

const newAdmin = () => opened(new Admin(base));
// Its default is acks=1, after which the end of the log may lag behind for a moment.
const newProducer = (more = {}) =>
  opened(new Producer({ ...base, acks: -1, serializers: stringSerializers, ...more }));
const newConsumer = (more = {}) =>
  opened(
    new Consumer({ ...base, groupId: randomUUID(), deserializers: stringDeserializers, ...more }),
  );

async function newTopic(partitions = 1) {
  const topic = `platformatic-${randomUUID()}`;
  await newAdmin().createTopics({ topics: [topic], partitions, replicas: 1 });
  return topic;
}

async function soon(isTrue) {
  const deadline = performance.now() + 60_000;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`did not come to pass: ${isTrue}`);
    await pause(20);
  }
}

const reading = {
  mode: "earliest",
  maxWaitTime: 200,
  sessionTimeout: 10_000,
  heartbeatInterval: 500,
};

async function follow(consumer, topic, more = {}) {
  const stream = await consumer.consume({ topics: [topic], ...reading, ...more });
  const taken = [];
  stream.on("data", (message) => taken.push(message));
  stream.on("error", () => undefined);
  return taken;
}

async function read(topic, count, { groupId = randomUUID(), ...more } = {}) {
  const consumer = newConsumer({ groupId });
  const taken = await follow(consumer, topic, more);
  await soon(() => taken.length >= count);
  await consumer.close(true);
  assert.equal(taken.length, count);
  return taken;
}

const numbered = (topic, count, more = () => ({})) =>
  Array.from({ length: count }, (_, number) => ({ topic, value: String(number), ...more(number) }));

const scenarios = {
  async produce() {
    const topic = await newTopic();
    const messages = [
      { topic, key: "k", value: "v", headers: { h: "1" } },
      { topic, value: "" },
      { topic, key: "é", value: "ü".repeat(1000) },
    ];
    for (const acks of [-1, 1]) {
      const { offsets } = await newProducer().send({ messages, acks });
      assert.equal(offsets.length, 1);
    }
    const { unwritableNodes } = await newProducer().send({
      messages: [{ topic, value: "unacknowledged" }],
      acks: 0,
    });
    assert.deepEqual(unwritableNodes, []);
    const found = await read(topic, 7);
    assert.equal(found[0].key, "k");
    assert.equal(found[0].headers.get("h"), "1");
    assert.equal(found[5].value, messages[2].value);
    assert.equal(found[6].value, "unacknowledged");
    const made = `platformatic-${randomUUID()}`;
    const messagesThere = [{ topic: made, value: "made" }];
    await newProducer({ autocreateTopics: true }).send({ messages: messagesThere });
    assert.equal((await read(made, 1))[0].value, "made");
  },

  async consume() {
    const topic = await newTopic();
    const messages = numbered(topic, 2000);
    await newProducer().send({ messages });
    const found = await read(topic, 2000);
    assert.deepEqual(
      found.map(({ value }) => value),
      messages.map(({ value }) => value),
    );
    const offsets = [{ topic, partition: 0, offset: 1990n }];
    const tail = await read(topic, 10, { mode: "manual", offsets });
    assert.equal(tail[0].offset, 1990n);
  },

  "group-rebalance": () => rebalance({}),
  "group-rebalance-848": () => rebalance({ groupProtocol: "consumer" }),

  async offsets() {
    const topic = await newTopic();
    const start = 1_700_000_000_000n;
    const messages = numbered(topic, 100, (number) => ({
      timestamp: start + BigInt(number) * 1000n,
    }));
    await newProducer().send({ messages });
    const groupId = randomUUID();
    const consumer = newConsumer({ groupId });
    assert.deepEqual((await consumer.listOffsets({ topics: [topic] })).get(topic), [100n]);
    const earliest = await consumer.listOffsets({ topics: [topic], timestamp: -2n });
    assert.deepEqual(earliest.get(topic), [0n]);
    const byTime = await consumer.listOffsets({ topics: [topic], timestamp: start + 49_500n });
    assert.deepEqual(byTime.get(topic), [50n]);
    const place = { topics: [{ topic, partitions: [0] }] };
    await consumer.joinGroup({});
    assert.deepEqual((await consumer.listCommittedOffsets(place)).get(topic), [-1n]);
    await consumer.commit({ offsets: [{ topic, partition: 0, offset: 42n, leaderEpoch: 0 }] });
    assert.deepEqual((await consumer.listCommittedOffsets(place)).get(topic), [42n]);
    await consumer.close(true);
    const [first] = await read(topic, 58, { mode: "committed", groupId });
    assert.equal(first.offset, 42n);
  },

  async admin() {
    const admin = newAdmin();
    const topic = await newTopic(2);
    assert.ok((await admin.listTopics()).includes(topic));
    await assert.rejects(admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 }));
    await admin.createPartitions({ topics: [{ name: topic, count: 3, assignments: null }] });
    await soon(async () => {
      const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
      return metadata.topics.get(topic)?.partitionsCount === 3;
    });
    const resource = { resourceType: 2, resourceName: topic };
    const configs = [{ name: "retention.ms", configOperation: 0, value: "90000" }];
    await admin.incrementalAlterConfigs({ resources: [{ ...resource, configs }] });
    await soon(async () => {
      const resources = [{ ...resource, configurationKeys: ["retention.ms"] }];
      const [shown] = await admin.describeConfigs({ resources });
      return shown.configs[0].value === "90000";
    });
    const messages = numbered(topic, 10, () => ({ partition: 0 }));
    await newProducer().send({ messages });
    const partitions = [{ partition: 0, offset: 4n }];
    await admin.deleteRecords({ topics: [{ name: topic, partitions }] });
    const groupId = randomUUID();
    const consumer = newConsumer({ groupId });
    const taken = await follow(consumer, topic);
    await soon(() => taken.length === 6);
    assert.ok((await admin.listGroups()).has(groupId));
    const groups = await admin.describeGroups({ groups: [groupId] });
    assert.equal(groups.get(groupId).state.toUpperCase(), "STABLE");
    const logDirs = await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0] }] });
    assert.equal(logDirs.length, 1);
    await consumer.close(true);
    await admin.deleteGroups({ groups: [groupId] });
    await admin.deleteTopics({ topics: [topic] });
    await soon(async () => !(await admin.listTopics()).includes(topic));
  },

  "compression-gzip": () => compression("gzip"),
  "compression-snappy": () => compression("snappy"),
  "compression-lz4": () => compression("lz4"),
  "compression-zstd": () => compression("zstd"),

  async idempotence() {
    const topic = await newTopic();
    const producer = newProducer({ idempotent: true, acks: -1 });
    for (let number = 0; number < 100; number++) {
      await producer.send({ messages: [{ topic, value: String(number) }] });
    }
    const found = await read(topic, 100);
    assert.deepEqual(
      found.map(({ value }) => Number(value)),
      Array.from({ length: 100 }, (_, number) => number),
    );
  },

  async transactions() {
    const [topic, source] = [await newTopic(), await newTopic()];
    await newProducer().send({ messages: numbered(source, 10) });
    const transactionalId = randomUUID();
    const settings = { idempotent: true, acks: -1, transactionalId };
    const producer = newProducer(settings);
    const aborted = await producer.beginTransaction();
    await aborted.send({ messages: [{ topic, value: "aborted" }] });
    await aborted.abort();
    const groupId = randomUUID();
    const consumer = newConsumer({ groupId });
    const taken = await follow(consumer, source, { autocommit: false });
    await soon(() => taken.length === 10);
    const committed = await producer.beginTransaction();
    await committed.addConsumer(consumer);
    await committed.send({ messages: numbered(topic, 10) });
    await committed.addOffset(taken.at(-1));
    await committed.commit();
    const stable = await read(topic, 10, { isolationLevel: 1 });
    assert.equal(stable[0].value, "0");
    const everything = await read(topic, 11, { isolationLevel: 0 });
    assert.equal(everything[0].value, "aborted");
    const place = { topics: [{ topic: source, partitions: [0] }] };
    await soon(async () => (await consumer.listCommittedOffsets(place)).get(source)[0] >= 9n);
  },
};

async function rebalance(protocol) {
  const topic = await newTopic(4);
  const groupId = randomUUID();
  await newProducer().send({
    messages: numbered(topic, 400, (number) => ({ partition: number % 4 })),
  });
  const timing = "groupProtocol" in protocol ? {} : { sessionTimeout: 10_000, heartbeatInterval: 500 };
  const members = [0, 1].map(() => newConsumer({ groupId, ...timing, ...protocol }));
  const seen = new Set();
  for (const member of members) {
    const stream = await member.consume({ topics: [topic], mode: "earliest", maxWaitTime: 200 });
    stream.on("data", ({ partition, offset }) => seen.add(`${partition}/${offset}`));
    stream.on("error", () => undefined);
  }
  const owned = (member) =>
    (member.assignments ?? []).flatMap(({ topic: name, partitions }) =>
      name === topic ? partitions : [],
    );
  await soon(() => members.every((member) => owned(member).length === 2) && seen.size === 400);
  assert.deepEqual(new Set(members.flatMap(owned)), new Set([0, 1, 2, 3]));
  await members[1].close(true);
  await soon(() => owned(members[0]).length === 4);
}

async function compression(codec) {
  const topic = await newTopic();
  const values = Array.from({ length: 500 }, (_, number) => `${number} `.repeat(40));
  const messages = values.map((value) => ({ topic, value }));
  await newProducer().send({ messages, compression: codec });
  assert.deepEqual(
    (await read(topic, 500)).map(({ value }) => value),
    values,
  );
}

// What the tests across doors ask for.
const commands = {
  // Reads every record of one topic and writes it to another: partition, key, value, headers and time.
  async copy(source, target, count) {
    const consumer = opened(new Consumer({ ...base, groupId: randomUUID() }));
    const taken = await follow(consumer, source);
    await soon(() => taken.length === Number(count));
    const producer = opened(new Producer({ ...base, acks: -1 }));
    for (const { partition, key, value, headers, timestamp } of taken) {
      const message = { topic: target, partition, key, value, headers, timestamp };
      await producer.send({ messages: [message] });
    }
  },
  // Writes records with the keys `key-0`, `key-1`, ... and no partition. Its default differs from other clients' in the
  // sign bit of the hash; this is its way of agreeing with them.
  async keys(topic, count) {
    const messages = numbered(topic, Number(count), (number) => ({ key: `key-${number}` }));
    await newProducer({ partitioner: compatibilityPartitioner }).send({ messages });
  },
};
if (wanted[0] in commands) {
  const [command, ...args] = wanted.splice(0);
  await commands[command](...args);
  console.log("ok", command);
  process.exit(0);
}

for (const scenario of wanted.length > 0 ? wanted : Object.keys(scenarios)) {
  try {
    await scenarios[scenario]();
    console.log("ok", scenario);
  } catch (error) {
    const causes = (error.errors ?? []).map((cause) => cause.message).join("; ");
    const text = `${error.stack.split("\n").slice(0, 6).join(" ")} ${causes}`;
    console.log("failed", scenario, text.replaceAll(/\s+/g, " "));
  }
  for (const client of toClose.splice(0)) {
    try {
      await client.close(client instanceof Admin ? undefined : true);
    } catch {
      // Closed already.
    }
  }
}
process.exit(0);
