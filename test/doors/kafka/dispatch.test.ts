import { expect, test } from "vitest";
import { readRequest } from "../../../src/doors/kafka/dispatch.ts";
import type { KafkaCall, KafkaContext, ServingTable } from "../../../src/doors/kafka/handler.ts";
import { decodeResponse } from "../../../src/protocol/codec.ts";
import { requestFrame } from "../../support/kafka-wire.ts";

const call = {} as KafkaCall;
const context = {} as KafkaContext;

const table: ServingTable = {
  apiVersions: { min: 0, max: 4, handle: async () => ({ errorCode: 0, apiKeys: [] }) },
  heartbeat: { min: 0, max: 4, handle: async () => null },
  listOffsets: {
    min: 1,
    max: 5,
    beginsInTurn: true,
    handle: async () => ({
      topics: [
        {
          name: "t",
          partitions: [
            { partitionIndex: 0, errorCode: 0 },
            { partitionIndex: 1, errorCode: 3 },
            { partitionIndex: 2, errorCode: 3 },
          ],
        },
      ],
    }),
  },
};

const body = (frame: Buffer): Buffer => frame.subarray(4);

test("dispatch: a request: knows its client and how it begins; its answer counts the errors in it", async () => {
  const frame = requestFrame(
    "listOffsets",
    { version: 1, correlationId: 8 },
    { replicaId: -1, topics: [] },
  );
  const request = readRequest(table, body(frame));
  expect(request).toMatchObject({
    name: "listOffsets",
    version: 1,
    clientId: "wire",
    beginsInTurn: true,
  });
  const answer = await request.answer(call, context);
  expect(answer.errorCodes).toEqual([3, 3]);
  const bytes = Buffer.concat(answer.frame?.chunks ?? []);
  expect(bytes.readInt32BE(0)).toBe(bytes.length - 4);
  expect(decodeResponse("listOffsets", 1, body(bytes)).correlationId).toBe(8);
});

test("dispatch: a handler without an answer: nothing is sent", async () => {
  const heartbeat = { groupId: "g", generationId: 1, memberId: "m" };
  const request = readRequest(table, body(requestFrame("heartbeat", { version: 4 }, heartbeat)));
  expect(request.beginsInTurn).toBe(false);
  expect(await request.answer(call, context)).toEqual({ frame: null, errorCodes: [] });
});

// KIP-511, with the bytes that clients have been seen to understand.
test("dispatch: ApiVersions in a version from the future: version 0 says which there are", async () => {
  const frame = Buffer.from("001200630000000100047465737400", "hex");
  const { frame: answer, errorCodes } = await readRequest(table, frame).answer(call, context);
  const bytes = Buffer.concat(answer?.chunks ?? []).toString("hex");
  expect(bytes).toBe("0000001000000001002300000001001200000004");
  expect(errorCodes).toEqual([35]);
});

test.each([
  ["an API without a row", "0000000900000001ffff00", /key 0 version 9 of client '' is not served/],
  [
    "a version above the row's",
    "000200070000000100017800",
    /listOffsets 2 version 7 of client 'x'/,
  ],
  ["a version below the tables'", "0002000000000001ffff", /versions are 1 to 5/],
])("dispatch: %s: is refused by name", (_what, hex, message) => {
  expect(() => readRequest(table, Buffer.from(hex, "hex"))).toThrow(message);
});

test("dispatch: a body that cannot be read: is refused, and the log can say whose it was", () => {
  const frame = Buffer.from("0002000100000001000178ffff", "hex");
  expect(() => readRequest(table, frame)).toThrow(
    /listOffsets 2 version 1 of client 'x' cannot be/,
  );
});
