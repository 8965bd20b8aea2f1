// Kafka's default partitioner: equal keys go to equal partitions, whichever client sends them.

const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

/** MurmurHash2 (32 bits, Kafka's seed) as a signed number. @see Austin Appleby, MurmurHash2 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const wholeBytes = length & ~3;
  let hash = seed ^ length;
  for (let at = 0; at < wholeBytes; at += 4) {
    const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    const high = (bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8);
    let word = Math.imul(low | (high << 16), multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  if (wholeBytes < length) {
    for (let at = length - 1; at >= wholeBytes; at--) {
      hash ^= (bytes[at] ?? 0) << (8 * (at - wholeBytes));
    }
    hash = Math.imul(hash, multiplier);
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}

/** The partition, 0 to `partitionCount` - 1, of a key as Kafka's Java client chooses it. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}
