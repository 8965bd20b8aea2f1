// Frames as plain bytes: joined, written as hex, cut from their size; and calls of the codec by a message of the table.

import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type FrameChunks,
} from "../../src/protocol/codec.ts";
import type { Message } from "./table-arbitrary.ts";

/** The bytes that hex digits say; blanks are for the reader. */
export function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

/** A frame as hex digits, its size included. */
export function hexOf(frame: FrameChunks): string {
  return Buffer.concat(frame.chunks).toString("hex");
}

/** A frame without its size, in one piece. */
export function frameOf(frame: FrameChunks): Buffer {
  return Buffer.concat(frame.chunks).subarray(4);
}

/** Encodes a message whose type is known only to its table. */
export function encodeMessage(message: Message, body: unknown): FrameChunks {
  const header = { apiVersion: message.version, correlationId: 77, clientId: "client" };
  return message.direction === "request"
    ? encodeRequest(message.name, header, body as never)
    : encodeResponse(message.name, header, body as never);
}

/** Decodes a frame without its size as the message that it should be. */
export function decodeMessage(message: Message, frame: Uint8Array): unknown {
  if (message.direction === "response") {
    return decodeResponse(message.name, message.version, frame).body;
  }
  return decodeRequest(message.name, decodeRequestHeader(frame), frame);
}

/** How a test names a message. */
export function titleOf({ name, version, direction }: Message): string {
  return `${name} v${version} ${direction}`;
}
