// Producers in memory against a slow model: every batch in any order, refusals by the disk, the wrap of sequences.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { alreadySafe } from "../../src/log/producer-entry.ts";
import { ProducerStates, producersMax } from "../../src/log/producer-states.ts";
import { buildMarkerBatch } from "../../src/record/control-batch.ts";
import { producerBatch } from "../support/producer-batches.ts";
import {
  type ModelBatch,
  modelBatchOf,
  modelOf,
  modelProducers,
  modelStableOffset,
  modelTransactions,
  wrapped,
} from "../support/producer-model.ts";

const top = 2 ** 31 - 4;

// What the rules say of a batch, worked out from all batches before it: `ok`, an offset it repeats, or an error.
function verdict(history: readonly ModelBatch[], batch: ModelBatch): string | number {
  const { producerId, producerEpoch, marker, baseSequence, isTransactional } = batch;
  const known = modelProducers(history).get(producerId);
  if (known === undefined) return "ok";
  if (marker === null && producerEpoch === known.producerEpoch) {
    const last = wrapped(baseSequence, batch.lastOffset - batch.baseOffset);
    const same = known.batches
      .slice(-5)
      .find((text) => text.startsWith(`${baseSequence}-${last}@`));
    if (same !== undefined) return Number(same.split("@")[1]);
  }
  if (producerEpoch < known.producerEpoch) return "INVALID_PRODUCER_EPOCH";
  if (marker !== null) {
    return marker.coordinatorEpoch < known.coordinatorEpoch
      ? "TRANSACTION_COORDINATOR_FENCED"
      : "ok";
  }
  const end = known.batches.at(-1)?.split("@")[0]?.split("-")[1];
  const isFirst = producerEpoch > known.producerEpoch || end === undefined;
  if (baseSequence !== (isFirst ? 0 : wrapped(Number(end), 1))) {
    return "OUT_OF_ORDER_SEQUENCE_NUMBER";
  }
  const isOpen = known.currentTransactionStart >= 0;
  return isOpen && !isTransactional ? "INVALID_TXN_STATE" : "ok";
}

class World {
  readonly states = new ProducerStates();
  history: ModelBatch[] = [];
  durable = 0;
  end = 0;

  send(bytes: Uint8Array): void {
    const model = modelBatchOf(bytes, this.end);
    const expected = verdict(this.history, model);
    let actual: string | number;
    try {
      const plan = this.states.plan([bytes], this.end);
      if (plan === null) throw new Error("the batch has a producer");
      if (plan.kind === "duplicate") {
        actual = plan.batches[0]?.baseOffset ?? -1;
      } else {
        actual = "ok";
        this.states.take(plan.batches, 0, alreadySafe);
        this.history.push(model);
        this.end = model.lastOffset + 1;
      }
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      actual = error.code;
    }
    expect(actual).toBe(expected);
  }

  settle(): void {
    this.durable = this.end;
    this.states.settleTo(this.durable);
    this.states.retireBelow(this.durable);
  }

  refuse(count: number): void {
    const kept = this.history.findLast(({ baseOffset }) => baseOffset < this.durable);
    const least = (kept?.lastOffset ?? -1) + 1;
    const open = this.history.filter(({ baseOffset }) => baseOffset >= least);
    const from = open.at(-Math.min(count, open.length))?.baseOffset ?? this.end;
    this.history = this.history.filter(({ baseOffset }) => baseOffset < from);
    this.end = from;
    this.states.rollBackTo(from);
  }

  check(): void {
    const expected = modelProducers(this.history);
    const actual = new Map([...this.states.entries()].map((each) => [each.producerId, each]));
    expect(new Set(actual.keys())).toEqual(new Set(expected.keys()));
    for (const [id, model] of expected) {
      const entry = actual.get(id);
      if (entry === undefined) throw new Error(`producer ${id} is unknown`);
      expect(modelOf(entry)).toEqual({ ...model, batches: model.batches.slice(-5) });
    }
    const transactions = modelTransactions(this.history);
    const stable = Math.min(this.durable, this.states.firstUndecidedOffset);
    expect(stable).toBe(modelStableOffset(transactions, this.durable));
    const durable = modelProducers(
      this.history.filter(({ baseOffset }) => baseOffset < this.durable),
    );
    const stored = this.states.durableEntries();
    expect(new Set(stored.map(({ producerId }) => producerId))).toEqual(new Set(durable.keys()));
    for (const entry of stored) {
      const model = durable.get(entry.producerId);
      expect(modelOf(entry)).toEqual({ ...model, batches: model?.batches.slice(-5) });
    }
  }
}

type Step = (world: World) => void;

const id = fc.integer({ min: 1, max: 3 });
const epoch = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 2 }));

// Mostly the sequence that is expected, sometimes one before or after it.
const batch = fc
  .tuple(
    id,
    fc.constantFrom(0, 0, 0, 0, 0, -1, -2, 1),
    fc.integer({ min: 1, max: 3 }),
    fc.boolean(),
    epoch,
  )
  .map(
    ([producerId, shift, count, wantsTransaction, raise]): Step =>
      (world) => {
        const known = modelProducers(world.history).get(producerId);
        const end = known?.batches.at(-1)?.split("@")[0]?.split("-")[1];
        const next = end === undefined ? (known === undefined ? top : 0) : wrapped(Number(end), 1);
        const isTransactional = wantsTransaction || (known?.currentTransactionStart ?? -1) >= 0;
        const sequence = raise > 0 ? 0 : wrapped(next, shift);
        const of = { id: producerId, epoch: (known?.producerEpoch ?? 0) + raise, sequence };
        world.send(producerBatch({ ...of, count, isTransactional }));
      },
  );
const repeat = fc.tuple(id, fc.integer({ min: 1, max: 7 })).map(([producerId, back]): Step => {
  return (world) => {
    const sent = world.history.filter((each) => each.producerId === producerId);
    const old = sent.filter(({ marker }) => marker === null).at(-back);
    if (old === undefined) return;
    const { producerEpoch, baseSequence: sequence, isTransactional } = old;
    const count = old.lastOffset - old.baseOffset + 1;
    world.send(
      producerBatch({ id: producerId, epoch: producerEpoch, sequence, count, isTransactional }),
    );
  };
});
const outside = id.map(
  (producerId): Step =>
    (world) => {
      const known = modelProducers(world.history).get(producerId);
      const end = known?.batches.at(-1)?.split("@")[0]?.split("-")[1];
      const sequence = wrapped(Number(end ?? 0), 1);
      world.send(producerBatch({ id: producerId, epoch: known?.producerEpoch ?? 0, sequence }));
    },
);
const marker = fc
  .tuple(id, fc.constantFrom(0, 0, 0, 1, -1), fc.integer({ min: 0, max: 1 }), fc.boolean())
  .map(
    ([producerId, raise, coordinatorEpoch, isCommit]): Step =>
      (world) => {
        const known = modelProducers(world.history).get(producerId)?.producerEpoch ?? 0;
        const producerEpoch = Math.max(0, known + raise);
        world.send(buildMarkerBatch({ producerId, producerEpoch, coordinatorEpoch, isCommit }, 5));
      },
  );
const settle: Step = (world) => world.settle();
const refuse = fc.integer({ min: 1, max: 4 }).map(
  (count): Step =>
    (world) =>
      world.refuse(count),
);

describe("producer states: against a slow model", () => {
  test("verdicts, entries, stable offset, and the state at the durable end", () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 8, arbitrary: batch },
        { weight: 3, arbitrary: repeat },
        { weight: 1, arbitrary: outside },
        { weight: 3, arbitrary: marker },
        { weight: 2, arbitrary: fc.constant(settle) },
        { weight: 2, arbitrary: refuse },
      ),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const world = new World();
        for (const step of all) {
          step(world);
          world.check();
        }
      }),
      { numRuns: 150, seed: 20_263 },
    );
  });
});

describe("producer states: bounds", () => {
  test("the producer that was silent longest is forgotten, never one with an open transaction", () => {
    const states = new ProducerStates();
    const add = (producerId: number, isTransactional: boolean): void => {
      const bytes = producerBatch({ id: producerId, sequence: 0, isTransactional });
      const plan = states.plan([bytes], producerId);
      if (plan?.kind === "new") states.take(plan.batches, 0, alreadySafe);
    };
    add(0, true);
    for (let producerId = 1; producerId <= producersMax; producerId++) add(producerId, false);
    expect(states.count).toBe(producersMax);
    const ids = new Set(Array.from(states.entries(), ({ producerId }) => producerId));
    expect([ids.has(0), ids.has(1), ids.has(2)]).toEqual([true, false, true]);
  });

  test("expiry: by when the server heard of them", () => {
    const states = new ProducerStates();
    for (const [producerId, seenMs] of [
      [1, 10],
      [2, 20],
    ] as const) {
      const plan = states.plan([producerBatch({ id: producerId, sequence: 0 })], producerId);
      if (plan?.kind === "new") states.take(plan.batches, seenMs, alreadySafe);
    }
    expect(states.expire(10)).toBe(0);
    expect(states.expire(20)).toBe(1);
    expect(Array.from(states.entries(), ({ producerId }) => producerId)).toEqual([2]);
  });
});
