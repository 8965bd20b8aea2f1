import { describe, expect, test } from "vitest";
import {
  decodeRequest,
  decodeRequestHeader,
  encodeRequest,
  type FrameChunks,
} from "../../src/protocol/codec.ts";

function hexOf(frame: FrameChunks): string {
  return Buffer.concat(frame.chunks).toString("hex");
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

describe("golden frames", () => {
  const request = "00000017 0012 0003 00000001 0004 74657374 00 05 6e6f6465 02 31 00";

  test("ApiVersions v3 request: both ways", () => {
    const frame = bytesOf(request);
    const header = decodeRequestHeader(frame.subarray(4));
    expect(header).toEqual({
      apiKey: 18,
      apiVersion: 3,
      correlationId: 1,
      clientId: "test",
      bodyAt: 15,
    });
    const body = decodeRequest("apiVersions", header, frame.subarray(4));
    expect(body).toEqual({
      clientSoftwareName: "node",
      clientSoftwareVersion: "1",
      clusterId: null,
      nodeId: -1,
    });
    expect(hexOf(encodeRequest("apiVersions", header, body))).toBe(frame.toString("hex"));
  });
});
