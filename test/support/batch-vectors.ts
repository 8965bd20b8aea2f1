// Batches known byte for byte, as Apache Kafka's clients and brokers write them.

function bytesOf(...parts: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(parts.join("").replaceAll(" ", ""), "hex"));
}

/** Key "k", value "v", header h=1, timestamp 1700000000000, no producer, as a client sends it. */
export const clientBatch = bytesOf(
  "0000000000000000 0000003e ffffffff 02 675a95fd 0000 00000000",
  "0000018bcfe56800 0000018bcfe56800 ffffffffffffffff ffff ffffffff 00000001",
  "18 00 00 00 02 6b 02 76 02 02 68 02 31",
);

/** A COMMIT marker at offset 5 of producer 9, epoch 0. */
export const commitMarker = bytesOf(
  "0000000000000005 00000042 00000000 02 2d6ed699 0030 00000000",
  "0000018bcfe56800 0000018bcfe56800 0000000000000009 0000 ffffffff 00000001",
  "20 00 00 00 08 00000001 0c 000000000000 00",
);
