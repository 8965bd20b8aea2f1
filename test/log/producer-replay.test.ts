import { expect, test } from "vitest";
import { replayProducers } from "../../src/log/producer-replay.ts";
import { ProducerStates } from "../../src/log/producer-states.ts";
import { Segment } from "../../src/log/segment.ts";
import { viewOf } from "../../src/base/bytes.ts";
import { setBaseOffset, setLeaderEpoch } from "../../src/record/batch-header.ts";
import { buildMarkerBatch } from "../../src/record/control-batch.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { KeptLogger } from "../support/log-fixture.ts";
import { producerBatch } from "../support/producer-batches.ts";

const segment = new Segment("/d", 10);

function stored(batches: readonly Uint8Array[]): Uint8Array {
  let offset = segment.baseOffset;
  for (const batch of batches) {
    setBaseOffset(viewOf(batch), 0, offset);
    setLeaderEpoch(viewOf(batch), 0, 0);
    offset += viewOf(batch).getInt32(23) + 1;
  }
  return Buffer.concat(batches);
}

const abort = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 2, isCommit: false };

async function replayed(bytes: Uint8Array, fromOffset = segment.baseOffset) {
  const disk = new FaultyDisk();
  disk.setContents(segment.logPath, bytes);
  const logger = new KeptLogger();
  const states = new ProducerStates();
  const options = { disk, logger, batchBytesMax: 1 << 20, seenMs: 77 };
  const range = { segment, fromOffset, endPosition: bytes.length };
  const aborted = await replayProducers(options, states, range);
  return { aborted, states, logger };
}

test("producer replay: batches and markers, those too whose records lie in the next piece", async () => {
  const large = producerBatch({ id: 2, sequence: 5, value: "x".repeat(262_144 - 61 - 140) });
  const bytes = stored([
    producerBatch({ id: 1, sequence: 0, count: 2, isTransactional: true }),
    large,
    buildMarkerBatch(abort, 9),
    producerBatch({ id: 1, sequence: 2 }),
  ]);
  const { aborted, states } = await replayed(bytes);
  expect(aborted).toEqual([
    { producerId: 1, firstOffset: 10, lastOffset: 13, lastStableOffset: 14 },
  ]);
  const facts = Array.from(states.entries(), ({ producerId, lastSeenMs, batches }) => ({
    producerId,
    lastSeenMs,
    last: batches.at(-1)?.lastSequence,
  }));
  expect(facts).toEqual([
    { producerId: 2, lastSeenMs: 77, last: 5 },
    { producerId: 1, lastSeenMs: 77, last: 2 },
  ]);
});

test("producer replay: begins where it is told to", async () => {
  const bytes = stored([
    producerBatch({ id: 1, sequence: 0 }),
    producerBatch({ id: 2, sequence: 0 }),
  ]);
  const { states } = await replayed(bytes, 11);
  expect(Array.from(states.entries(), ({ producerId }) => producerId)).toEqual([2]);
});

test("producer replay: ends at damage, and says so", async () => {
  const bytes = stored([
    producerBatch({ id: 1, sequence: 0 }),
    producerBatch({ id: 2, sequence: 0 }),
  ]);
  const half = bytes.length / 2;
  bytes[half + 16] = 7;
  const { states, logger } = await replayed(bytes);
  expect(states.count).toBe(1);
  expect(logger.errors).toEqual(["producers are known up to the damage only"]);
});
