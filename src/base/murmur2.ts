// Murmur2, the hash by which Kafka's clients choose a partition from a key.

const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

/**
 * The 32-bit murmur2 hash of `bytes` as Kafka's Java client computes it (seed 0x9747b28c), as a signed integer.
 *
 * @see org.apache.kafka.common.utils.Utils.murmur2
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const wholeWords = length & ~3;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  let hash = seed ^ length;
  for (let at = 0; at < wholeWords; at += 4) {
    let word = Math.imul(view.getInt32(at, true), multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  const rest = length - wholeWords;
  if (rest >= 3) hash ^= view.getUint8(wholeWords + 2) << 16;
  if (rest >= 2) hash ^= view.getUint8(wholeWords + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ view.getUint8(wholeWords), multiplier);
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}

/** The partition that Kafka's default partitioner picks for a key; `partitionCount` is 1 or more. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount;
}
