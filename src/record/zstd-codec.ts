// Zstandard as record batches carry it: one or more frames, little-endian. The code is Node's own where zlib has it
// (22.15 and later), else WebAssembly.
//
//   magic FD2FB528 | descriptor | [window 1] | [dictionary id 0-4] | [content size 0-8] | blocks | [checksum 4]
//   descriptor: size of content size in bits 7-6, 5 single segment, 2 checksum, size of dictionary id in bits 1-0
//   block: 3 bytes (bit 0 last, bits 2-1 type, the rest a size) | data
//
// Frames are walked before they are expanded: what they declare or could yield bounds the memory that is taken.
// Source: RFC 8878, section 3.

import { createRequire } from "node:module";
import * as nodeZlib from "node:zlib";
import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";

// The part of node:zlib that newer versions of Node add.
interface NodeZstd {
  zstdCompressSync(bytes: Uint8Array, options: { params: Record<number, number> }): Uint8Array;
  zstdDecompressSync(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

interface WasmZstd {
  init(): Promise<void>;
  compress(bytes: Uint8Array, level: number): Uint8Array;
  decompress(bytes: Uint8Array, options: { defaultHeapSize: number }): Uint8Array;
}

const require = createRequire(import.meta.url);
const frameMagic = 0xfd2fb528;
const blockBytesMax = 128 * 1024;
// Producers write one frame. Each costs a call of some 50 us, so that a batch of empty ones would hold up everybody.
const frameCountMax = 64;
const levelDefault = 3;

let wasm: WasmZstd | null = null;
let preparation: Promise<void> | null = null;

function nodeZstd(): NodeZstd | null {
  const zlib = nodeZlib as unknown as Partial<NodeZstd>;
  return zlib.zstdDecompressSync === undefined ? null : (zlib as NodeZstd);
}

/** Loads the WebAssembly where Node has no zstd of its own; see `prepareCompression`. */
export function prepareZstd(): Promise<void> {
  preparation ??= nodeZstd() === null ? loadWasm() : Promise.resolve();
  return preparation;
}

async function loadWasm(): Promise<void> {
  const loaded = require("@bokuweb/zstd-wasm") as WasmZstd;
  await loaded.init();
  wasm = loaded;
}

function preparedWasm(): WasmZstd {
  if (wasm !== null) return wasm;
  throw new LogError("UNSUPPORTED_COMPRESSION_TYPE", "zstd is not loaded yet: prepare it first");
}

/** Compresses to one frame. @throws UNSUPPORTED_COMPRESSION_TYPE before `prepareZstd` where that is needed. */
export function compressZstd(bytes: Uint8Array, level: number | null): Uint8Array {
  const node = nodeZstd();
  if (node === null) return preparedWasm().compress(bytes, level ?? levelDefault);
  const params = { [node.constants.ZSTD_c_compressionLevel]: level ?? levelDefault };
  return node.zstdCompressSync(bytes, { params });
}

/** Expands whole frames. @throws as `decompress` in `compression.ts`. */
export function decompressZstd(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const frames = readFrames(bytes);
  let least = 0;
  let most = 0;
  for (const frame of frames) {
    least += frame.contentBytes ?? frame.expandedBytesMin;
    most += frame.expandedBytesMax;
  }
  if (least > maxBytes) throw tooLarge(maxBytes);
  try {
    const expanded = expandFrames(bytes, frames, maxBytes);
    if (expanded.length <= maxBytes) return expanded;
  } catch (cause) {
    if (cause instanceof LogError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    // -70 is the library's "destination buffer is too small".
    const isFull = code === "ERR_BUFFER_TOO_LARGE" || message.endsWith(" -70");
    if (!isFull || most <= maxBytes) {
      throw new LogError("INVALID_RECORD", "records cannot be read as zstd", { cause });
    }
  }
  throw tooLarge(maxBytes);
}

// One frame at a time: neither implementation expands more than the first by itself.
function expandFrames(bytes: Uint8Array, frames: readonly Frame[], maxBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let room = maxBytes;
  for (const frame of frames) {
    const outputBytesMax = Math.min(frame.expandedBytesMax, room);
    const part = expandFrame(bytes.subarray(frame.start, frame.end), outputBytesMax);
    parts.push(part);
    room -= part.length;
    if (room < 0) throw tooLarge(maxBytes);
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

function expandFrame(frame: Uint8Array, outputBytesMax: number): Uint8Array {
  const node = nodeZstd();
  if (node === null) return preparedWasm().decompress(frame, { defaultHeapSize: outputBytesMax });
  // The limit of zlib is at least 1.
  return node.zstdDecompressSync(frame, { maxOutputLength: Math.max(1, outputBytesMax) });
}

interface Frame {
  readonly start: number;
  readonly end: number;
  /** What the header says the content takes; null when it does not say. */
  readonly contentBytes: number | null;
  /** The blocks cannot expand to less, or to more. */
  readonly expandedBytesMin: number;
  readonly expandedBytesMax: number;
}

function readFrames(bytes: Uint8Array): readonly Frame[] {
  const view = viewOf(bytes);
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const frame = readFrame(view, at);
    frames.push(frame);
    if (frames.length > frameCountMax) throw invalid(`there are more than ${frameCountMax} frames`);
    at = frame.end;
  }
  if (frames.length === 0) throw invalid("there is no frame");
  return frames;
}

function readFrame(view: DataView, start: number): Frame {
  if (start + 9 > view.byteLength) throw invalid("a frame is cut off");
  if (view.getUint32(start, true) !== frameMagic) throw invalid("a frame does not begin as one");
  const descriptor = view.getUint8(start + 4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw invalid("a reserved bit is set");
  if ((descriptor & 0x03) !== 0) throw invalid("a frame needs a dictionary");
  let at = start + (isSingleSegment ? 5 : 6);
  const contentBytes = readContentSize(view, at, descriptor);
  at += contentSizeBytes(descriptor);
  const blocks = walkBlocks(view, at);
  const end = blocks.end + ((descriptor & 0x04) === 0 ? 0 : 4);
  if (end > view.byteLength) throw invalid("a frame is cut off");
  if (contentBytes !== null && contentBytes > blocks.expandedBytesMax) {
    throw invalid("a frame declares a size it cannot have");
  }
  const { expandedBytesMin, expandedBytesMax } = blocks;
  return { start, end, contentBytes, expandedBytesMin, expandedBytesMax };
}

function contentSizeBytes(descriptor: number): number {
  const code = descriptor >> 6;
  if (code === 0) return (descriptor & 0x20) === 0 ? 0 : 1;
  return 2 ** code;
}

function readContentSize(view: DataView, at: number, descriptor: number): number | null {
  const size = contentSizeBytes(descriptor);
  if (at + size > view.byteLength) throw invalid("a frame is cut off");
  if (size === 0) return null;
  if (size === 1) return view.getUint8(at);
  if (size === 2) return view.getUint16(at, true) + 256;
  const low = view.getUint32(at, true);
  return size === 4 ? low : low + view.getUint32(at + 4, true) * 2 ** 32;
}

function walkBlocks(view: DataView, start: number): Omit<Frame, "start" | "contentBytes"> {
  let expandedBytesMin = 0;
  let expandedBytesMax = 0;
  let at = start;
  for (;;) {
    if (at + 3 > view.byteLength) throw invalid("a frame is cut off");
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3 || size > blockBytesMax) throw invalid("a block is of no known form");
    // Type 1 is one byte, repeated; type 2 is compressed, its expanded size unknown.
    expandedBytesMin += type === 2 ? 0 : size;
    expandedBytesMax += type === 2 ? blockBytesMax : size;
    at += 3 + (type === 1 ? 1 : size);
    if (at > view.byteLength) throw invalid("a frame is cut off");
    if ((header & 1) === 1) return { end: at, expandedBytesMin, expandedBytesMax };
  }
}

function invalid(what: string): LogError {
  return new LogError("INVALID_RECORD", `records cannot be read as zstd: ${what}`);
}

function tooLarge(maxBytes: number): LogError {
  return new LogError("MESSAGE_TOO_LARGE", `records expand to more than ${maxBytes} bytes`);
}
