// The compression codecs of record batches: names and ids.

/** Codecs by id, as the low three attribute bits name them. */
export const codecNames = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** A codec by name; `none` stores the records as they are. */
export type CodecName = (typeof codecNames)[number];
