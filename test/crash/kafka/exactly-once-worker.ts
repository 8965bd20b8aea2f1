// A worker of the exactly-once loop on kafkajs: reads a topic, writes each value doubled to another, and commits what
// it wrote and how far it read in one transaction. Runs until it is killed.
//
//   node exactly-once-worker.js BOOTSTRAP SOURCE TARGET

import { Kafka, logLevel } from "kafkajs";

const [bootstrap = "", source = "", target = ""] = process.argv.slice(2);
const retry = { initialRetryTime: 100, maxRetryTime: 1000, retries: 100 };
const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry });
const producer = kafka.producer({
  transactionalId: "doubler",
  idempotent: true,
  maxInFlightRequests: 1,
  transactionTimeout: 10_000,
});
const group = "doublers";
const consumer = kafka.consumer({
  groupId: group,
  sessionTimeout: 6000,
  heartbeatInterval: 500,
  maxWaitTimeInMs: 100,
  maxBytesPerPartition: 2000,
  // Whatever befalls it, it begins again from the committed offsets.
  retry: { ...retry, restartOnFailure: () => Promise.resolve(true) },
});
await producer.connect();
await consumer.connect();
await consumer.subscribe({ topic: source, fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachBatchAutoResolve: false,
  eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
    const { messages: read, partition } = batch;
    const last = read.at(-1);
    if (last === undefined) return;
    const messages = read.map(({ value }) => ({ partition, value: String(Number(value) * 2) }));
    const transaction = await producer.transaction();
    try {
      await transaction.send({ topic: target, messages });
      const offset = String(BigInt(last.offset) + 1n);
      const topics = [{ topic: source, partitions: [{ partition, offset }] }];
      await transaction.sendOffsets({ consumerGroupId: group, topics });
      await transaction.commit();
    } catch (error) {
      // What became of it decides where the loop goes on: only the committed offsets know.
      await transaction.abort().catch(() => undefined);
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    }
    resolveOffset(last.offset);
    await heartbeat();
  },
});
