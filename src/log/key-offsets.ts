// The latest offset of each key, in bounded memory: an open hash table of key hashes and offsets.
//
// A key is known by 128 bits of its SHA-256: two keys that a log could hold do not share them, by chance or by design.

import { createHash } from "node:crypto";
import { assert } from "../base/assert.ts";

/** Bytes of memory an entry takes: 16 of the hash, 8 of the offset. */
export const keyEntryBytes = 24;

const hashWords = 4;
const loadMax = 0.75;
const capacityAtFirst = 1024;

/** Offsets by key. */
export class KeyOffsets {
  readonly #entriesMax: number;
  #capacity: number;
  #hashes: Uint32Array;
  // -1: the slot is free.
  #offsets: Float64Array;
  #count = 0;

  /** @param bytesMax What the table may take; while it grows, the smaller one is there as well. */
  constructor(bytesMax: number) {
    // Capacities are powers of two.
    const capacityMax = 2 ** Math.floor(Math.log2(Math.max(2, bytesMax / keyEntryBytes)));
    this.#entriesMax = Math.floor(capacityMax * loadMax);
    this.#capacity = Math.min(capacityAtFirst, capacityMax);
    this.#hashes = new Uint32Array(this.#capacity * hashWords);
    this.#offsets = new Float64Array(this.#capacity).fill(-1);
  }

  /** How many keys there are. */
  get count(): number {
    return this.#count;
  }

  /** Sets a key's offset. @returns False when there is no room for a further key. */
  put(key: Uint8Array, offset: number): boolean {
    const hash = hashOf(key);
    let slot = this.#slotOf(hash, 0);
    if (this.#offsets[slot] === -1) {
      if (this.#count >= this.#entriesMax) return false;
      if (this.#count + 1 > this.#capacity * loadMax) {
        this.#grow();
        slot = this.#slotOf(hash, 0);
      }
      this.#hashes.set(hash, slot * hashWords);
      this.#count++;
    }
    this.#offsets[slot] = offset;
    return true;
  }

  /** The key's offset; -1 when it is not known. */
  get(key: Uint8Array): number {
    return this.#offsets[this.#slotOf(hashOf(key), 0)] ?? -1;
  }

  // The slot of a hash that begins at `at`, or the free one where it belongs.
  #slotOf(hashes: Uint32Array, at: number): number {
    const mask = this.#capacity - 1;
    for (let slot = (hashes[at] ?? 0) & mask; ; slot = (slot + 1) & mask) {
      if (this.#offsets[slot] === -1 || this.#isAt(slot, hashes, at)) return slot;
    }
  }

  #isAt(slot: number, hashes: Uint32Array, at: number): boolean {
    const own = slot * hashWords;
    for (let word = 0; word < hashWords; word++) {
      if (this.#hashes[own + word] !== hashes[at + word]) return false;
    }
    return true;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const offsets = this.#offsets;
    this.#capacity *= 2;
    this.#hashes = new Uint32Array(this.#capacity * hashWords);
    this.#offsets = new Float64Array(this.#capacity).fill(-1);
    for (let from = 0; from < offsets.length; from++) {
      const offset = offsets[from] ?? -1;
      if (offset < 0) continue;
      const at = from * hashWords;
      const slot = this.#slotOf(hashes, at);
      this.#hashes.set(hashes.subarray(at, at + hashWords), slot * hashWords);
      this.#offsets[slot] = offset;
    }
  }
}

function hashOf(key: Uint8Array): Uint32Array {
  const digest = createHash("sha256").update(key).digest();
  assert(digest.length === 32, "SHA-256 has 32 bytes");
  const hash = new Uint32Array(hashWords);
  for (let word = 0; word < hashWords; word++) hash[word] = digest.readUInt32LE(word * 4);
  return hash;
}
