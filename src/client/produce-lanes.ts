// Lanes of a producer, one a partition: parcels wait in line, are packed into requests, and go one request at a time.
//
// One request a lane is what keeps the order: a second one could overtake the first on another connection, or slip in
// while the first waits to be sent again. Lanes run beside each other up to `inFlightMax`; one that is held back
// takes its place at the end of the line of lanes.

import type { Clock, Timer } from "../base/clock.ts";
import { VarveError } from "./errors.ts";
import type { PartitionAppend } from "./produce-call.ts";
import type { RecordInput } from "./records.ts";

/** Records of one send call for one partition; they stay together and in order. */
export interface Parcel {
  readonly records: readonly RecordInput[];
  /** About their size in a request. */
  readonly bytes: number;
  /** The records are at `baseOffset` and following; -1 when the server does not say. */
  succeed(partition: number, baseOffset: number): void;
  fail(error: VarveError): void;
}

/** Bounds of lanes. */
export interface LanesOptions {
  /** How long a parcel may wait for company before its request goes. */
  readonly lingerMs: number;
  readonly batchRecordsMax: number;
  /** Parcels are added to a request while it stays within this; a larger one goes alone. */
  readonly batchBytesMax: number;
  /** Requests under way at once, over all lanes. */
  readonly inFlightMax: number;
  /** After a failure nothing more is sent: what waits fails with PRODUCER_HALTED. */
  readonly haltOnError: boolean;
  readonly clock: Clock;
  /** Sends one request; null leaves the partition to the server. Throws VarveError. */
  readonly deliver: (
    partition: number | null,
    records: readonly RecordInput[],
  ) => Promise<PartitionAppend>;
}

interface Lane {
  readonly partition: number | null;
  parcels: Parcel[];
  records: number;
  bytes: number;
  isBusy: boolean;
  isDue: boolean;
  linger: Timer | null;
}

/** Parcels on their way. */
export class ProduceLanes {
  readonly #options: LanesOptions;
  readonly #lanes = new Map<number | null, Lane>();
  /** Lanes with a request ready to go, in the order they became ready. */
  readonly #readyLanes = new Set<Lane>();
  #batchBytesMax: number;
  #inFlight = 0;
  #haltedBy: VarveError | null = null;

  /** @param options Bounds and the way out. */
  constructor(options: LanesOptions) {
    this.#options = options;
    this.#batchBytesMax = options.batchBytesMax;
  }

  /** The failure after which nothing is sent; null while all is well. */
  get haltedBy(): VarveError | null {
    return this.#haltedBy;
  }

  /**
   * Puts a parcel at the end of a partition's lane.
   *
   * @returns True when the lane has a whole request waiting, so that further keyless records had better go elsewhere.
   */
  add(partition: number | null, parcel: Parcel): boolean {
    if (this.#haltedBy !== null) {
      parcel.fail(haltError(this.#haltedBy));
      return false;
    }
    const lane = this.#laneOf(partition);
    lane.parcels.push(parcel);
    lane.records += parcel.records.length;
    lane.bytes += parcel.bytes;
    const isFull = this.#isFull(lane);
    if (isFull) this.#makeDue(lane);
    else this.#scheduleLinger(lane);
    return isFull;
  }

  /** Bytes in one request at most, from the next one on. */
  limitBytes(bytesMax: number): void {
    this.#batchBytesMax = bytesMax;
  }

  /** Sends what waits without lingering. */
  hurry(): void {
    for (const lane of this.#lanes.values()) if (lane.parcels.length > 0) this.#makeDue(lane);
  }

  /** Fails what waits, and whatever is added later, with PRODUCER_HALTED. Requests under way go on. */
  halt(error: VarveError): void {
    this.#haltedBy ??= error;
    this.#readyLanes.clear();
    for (const lane of this.#lanes.values()) {
      lane.linger?.cancel();
      lane.linger = null;
      lane.isDue = false;
      const waiting = lane.parcels;
      lane.parcels = [];
      lane.records = 0;
      lane.bytes = 0;
      for (const parcel of waiting) parcel.fail(haltError(error));
    }
  }

  #laneOf(partition: number | null): Lane {
    const known = this.#lanes.get(partition);
    if (known !== undefined) return known;
    const lane: Lane = {
      partition,
      parcels: [],
      records: 0,
      bytes: 0,
      isBusy: false,
      isDue: false,
      linger: null,
    };
    this.#lanes.set(partition, lane);
    return lane;
  }

  #isFull(lane: Lane): boolean {
    const { batchRecordsMax } = this.#options;
    return lane.records >= batchRecordsMax || lane.bytes >= this.#batchBytesMax;
  }

  #scheduleLinger(lane: Lane): void {
    if (lane.isDue || lane.linger !== null) return;
    const { lingerMs, clock } = this.#options;
    if (lingerMs > 0) {
      lane.linger = clock.after(lingerMs, () => this.#makeDue(lane));
      return;
    }
    // Not in this very turn of the caller: what it sends in one go travels together.
    lane.isDue = true;
    queueMicrotask(() => this.#makeDue(lane));
  }

  #makeDue(lane: Lane): void {
    lane.linger?.cancel();
    lane.linger = null;
    if (lane.parcels.length === 0) {
      lane.isDue = false;
      return;
    }
    lane.isDue = true;
    if (!lane.isBusy) this.#readyLanes.add(lane);
    this.#dispatch();
  }

  #dispatch(): void {
    for (const lane of this.#readyLanes) {
      if (this.#inFlight >= this.#options.inFlightMax) return;
      this.#readyLanes.delete(lane);
      this.#inFlight++;
      lane.isBusy = true;
      void this.#deliver(lane, this.#take(lane));
    }
  }

  #take(lane: Lane): readonly Parcel[] {
    const { batchRecordsMax } = this.#options;
    const batchBytesMax = this.#batchBytesMax;
    let count = 0;
    let records = 0;
    let bytes = 0;
    for (const parcel of lane.parcels) {
      const isOver =
        records + parcel.records.length > batchRecordsMax || bytes + parcel.bytes > batchBytesMax;
      if (count > 0 && isOver) break;
      count++;
      records += parcel.records.length;
      bytes += parcel.bytes;
    }
    lane.records -= records;
    lane.bytes -= bytes;
    const taken = lane.parcels.splice(0, count);
    // What comes while this request is under way lingers for itself.
    if (lane.parcels.length === 0) lane.isDue = false;
    return taken;
  }

  /** Never rejects: each parcel is told. */
  async #deliver(lane: Lane, parcels: readonly Parcel[]): Promise<void> {
    try {
      const records = parcels.flatMap((parcel) => parcel.records);
      const append = await this.#options.deliver(lane.partition, records);
      let offset = append.baseOffset;
      for (const parcel of parcels) {
        parcel.succeed(append.partition, offset);
        if (offset >= 0) offset += parcel.records.length;
      }
    } catch (cause) {
      const error = asVarveError(cause);
      for (const parcel of parcels) parcel.fail(error);
      if (this.#options.haltOnError) this.halt(error);
    }
    this.#inFlight--;
    lane.isBusy = false;
    if (lane.parcels.length > 0 && lane.isDue) this.#readyLanes.add(lane);
    this.#dispatch();
  }
}

/** The error of records that were not sent because earlier ones failed. */
export function haltError(cause: VarveError): VarveError {
  return new VarveError(`not sent: the producer stopped at an earlier failure: ${cause.message}`, {
    code: "PRODUCER_HALTED",
    cause,
  });
}

function asVarveError(cause: unknown): VarveError {
  if (cause instanceof VarveError) return cause;
  return new VarveError(`the request could not be made: ${String(cause)}`, {
    code: "INVALID_REQUEST",
    cause,
  });
}
