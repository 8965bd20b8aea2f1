// Kafka's frames: requests and responses of every API in every version.

import fc from "fast-check";
import {
  apiNameOf,
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type FrameChunks,
  hasVersion,
} from "../../../src/protocol/codec.ts";
import { encodeMessage, frameOf } from "../../protocol/frame-bytes.ts";
import { type Message, messages, structOf } from "../../protocol/table-arbitrary.ts";
import { type FuzzTarget, sameBytes } from "../target.ts";

const sampleBytesMax = 700;

function sampleOf(message: Message, seed: number): Buffer {
  // A rich one that is not too long: what is left out is not tried.
  const bodies = fc.sample(structOf(message.fields), { seed, numRuns: 2 });
  const frames = bodies.map((body) => frameOf(encodeMessage(message, body)));
  frames.sort((one, other) => other.length - one.length);
  const fit = frames.find((frame) => frame.length <= sampleBytesMax);
  return fit ?? (frames.at(-1) as Buffer);
}

const ofDirection = (direction: Message["direction"]): readonly Message[] =>
  messages.filter((message) => message.direction === direction);

// Parts of a frame that are long enough are the caller's own; joined, they are what goes over the wire.
function joined({ chunks }: FrameChunks): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? (only as Buffer) : Buffer.concat(chunks);
}

/** Requests as they come from a connection: header and body. */
export const kafkaRequests: FuzzTarget = {
  name: "kafka-requests",
  bound: {
    text: "64 KiB and 640 bytes for each byte of the frame: no more items than bytes, and 500,000",
    bytes: (length) => 65_536 + 640 * length,
  },
  refusals: ["INVALID_REQUEST"],
  weight: 6,
  usualBytesMax: 1024,
  samples: () => ofDirection("request").map((message, index) => sampleOf(message, index + 1)),
  run(input) {
    const header = decodeRequestHeader(input);
    const name = apiNameOf(header.apiKey);
    if (name === null || !hasVersion(name, header.apiVersion)) return 0;
    const body = decodeRequest(name, header, input);
    const frame = joined(encodeRequest(name, header, body)).subarray(4);
    const again = decodeRequestHeader(frame);
    const twice = encodeRequest(name, again, decodeRequest(name, again, frame));
    sameBytes(frame, joined(twice).subarray(4), `${name} v${header.apiVersion}: another message`);
    return 1 + header.apiKey * 32 + header.apiVersion;
  },
};

const responses = ofDirection("response");

/** Responses as clients read them; two bytes in front say of which API and version. */
export const kafkaResponses: FuzzTarget = {
  name: "kafka-responses",
  bound: kafkaRequests.bound,
  refusals: ["INVALID_REQUEST"],
  weight: 3,
  usualBytesMax: 1024,
  samples: () =>
    responses.map((message, index) => {
      const which = Buffer.alloc(2);
      which.writeUInt16BE(index);
      return Buffer.concat([which, sampleOf(message, index + 1)]);
    }),
  run(input) {
    if (input.length < 2) return 0;
    const which = input.readUInt16BE(0) % responses.length;
    const { name, version } = responses[which] as Message;
    const { correlationId, body } = decodeResponse(name, version, input.subarray(2));
    const header = { apiVersion: version, correlationId };
    const frame = joined(encodeResponse(name, header, body)).subarray(4);
    const again = decodeResponse(name, version, frame);
    const twice = joined(encodeResponse(name, header, again.body)).subarray(4);
    sameBytes(frame, twice, `${name} v${version}: another message`);
    return 1 + which;
  },
};
