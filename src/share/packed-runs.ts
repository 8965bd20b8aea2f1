// Many runs in one event, a few numbers each: what they have in common is told once.
//
//   {"fates":[{},{"priority":9}],"runs":[[0,1,0,61,1700000000000],[4,2,1,61],[0,1]]}
//
// A run: how far it begins behind the end of the run before (the first one: behind the first offset), how many records,
// which of the fates, bytes of a record, and where they are not what a fresh record has: due time, expiry (-1: never)
// and hash of the key. Two numbers alone: the records are settled. A fate leaves out what is in the run, and what a
// fresh record has. Runs come in no order: one that lies before the run before it begins at a negative number.

import { Type } from "../base/schema.ts";
import { freshFate, lengthOf, type OffsetRange, type RecordFate } from "./record-run.ts";

/** Records and the fate they are given; null: they are settled. */
export interface Change extends OffsetRange {
  readonly fate: RecordFate | null;
}

const count = Type.Integer({ minimum: 0 });
const row = Type.Array(Type.Number(), { minItems: 2 });

/** What is written of runs. */
export interface PackedRuns {
  readonly fates: readonly PackedFate[];
  readonly runs: readonly (readonly number[])[];
}

type PackedFate = Partial<
  Pick<RecordFate, "phase" | "deliveries" | "priority" | "owner" | "reason">
>;

/** Checks `PackedRuns`, but for the fates that runs name. */
export const packedSchema = Type.Object({
  fates: Type.Array(
    Type.Object({
      phase: Type.Optional(Type.Enum(["waiting", "leased", "leaving"])),
      deliveries: Type.Optional(count),
      priority: Type.Optional(Type.Integer()),
      owner: Type.Optional(Type.String()),
      reason: Type.Optional(Type.String()),
    }),
  ),
  runs: Type.Array(row),
});

/** Packs runs without overlap; the first offset is that of the first of them. */
export function packedRuns(changes: readonly Change[]): PackedRuns {
  const fates = new FateList();
  let next = changes[0]?.first ?? 0;
  const runs = changes.map((change) => {
    const { first, last, fate } = change;
    const range = [first - next, lengthOf(change)];
    next = last + 1;
    return fate === null ? range : [...range, fates.indexOf(fate), ...numbersOf(fate)];
  });
  return { fates: fates.all, runs };
}

/** The runs of which the first begins at an offset; null when one names a fate that is not there. */
export function unpackedRuns(
  { fates, runs }: PackedRuns,
  firstOffset: number,
): readonly Change[] | null {
  const isWhole = runs.every(([, , index]) => index === undefined || fates[index] !== undefined);
  if (!isWhole) return null;
  let next = firstOffset;
  return runs.map(([gap = 0, length = 1, index, bytes = 0, ...rest]) => {
    const first = next + gap;
    next = first + length;
    const range = { first, last: next - 1 };
    if (index === undefined) return { ...range, fate: null };
    const fresh = freshFate(bytes);
    const [dueMs = fresh.dueMs, expiresAtMs = -1, keyHash = fresh.keyHash] = rest;
    const { phase, deliveries, priority, owner, reason } = fates[index] ?? {};
    // Field by field: what a newer program has put there besides is none of a fate's.
    const fate: RecordFate = {
      phase: phase ?? fresh.phase,
      deliveries: deliveries ?? fresh.deliveries,
      dueMs,
      expiresAtMs: expiresAtMs < 0 ? fresh.expiresAtMs : expiresAtMs,
      priority: priority ?? fresh.priority,
      keyHash,
      owner: owner ?? fresh.owner,
      reason: reason ?? fresh.reason,
      bytes,
    };
    return { ...range, fate };
  });
}

// Zero, never and no key are left out at the end.
function numbersOf({ bytes, dueMs, expiresAtMs, keyHash }: RecordFate): readonly number[] {
  const expires = expiresAtMs === Number.POSITIVE_INFINITY ? -1 : expiresAtMs;
  if (keyHash >= 0) return [bytes, dueMs, expires, keyHash];
  if (expires >= 0) return [bytes, dueMs, expires];
  return dueMs === 0 ? [bytes] : [bytes, dueMs];
}

// What fates have in common, once each.
class FateList {
  readonly all: PackedFate[] = [];
  readonly #indexes = new Map<string, number>();
  #last: RecordFate | null = null;
  #lastIndex = 0;

  indexOf(fate: RecordFate): number {
    if (this.#last !== null && isPackedAlike(this.#last, fate)) return this.#lastIndex;
    const packed = packedFate(fate);
    const name = JSON.stringify(packed);
    let index = this.#indexes.get(name);
    if (index === undefined) {
      index = this.all.push(packed) - 1;
      this.#indexes.set(name, index);
    }
    this.#last = fate;
    this.#lastIndex = index;
    return index;
  }
}

function isPackedAlike(one: RecordFate, other: RecordFate): boolean {
  return (
    one.phase === other.phase &&
    one.deliveries === other.deliveries &&
    one.priority === other.priority &&
    one.owner === other.owner &&
    one.reason === other.reason
  );
}

function packedFate({ phase, deliveries, priority, owner, reason }: RecordFate): PackedFate {
  return {
    ...(phase === "waiting" ? {} : { phase }),
    ...(deliveries === 0 ? {} : { deliveries }),
    ...(priority === 0 ? {} : { priority }),
    ...(owner === "" ? {} : { owner }),
    ...(reason === "" ? {} : { reason }),
  };
}
