import { expect, test } from "vitest";
import { VarveError } from "../../src/client/errors.ts";
import type { ProducerSequence } from "../../src/client/produce-call.ts";
import { ProducerSequences } from "../../src/client/producer-sequences.ts";

/** Sequences with ids 1, 2, 3 …, and what was sent under them as `id/epoch/sequence`. */
function world(options: { readonly epoch?: number; readonly refusals?: number } = {}) {
  let ids = 0;
  let refusals = options.refusals ?? 0;
  const sequences = new ProducerSequences(async () => {
    if (refusals-- > 0) throw new VarveError("away", { code: "CONNECT_FAILED" });
    return { producerId: ++ids, producerEpoch: options.epoch ?? 0 };
  });
  const sent: string[] = [];
  const note = ({ producerId, producerEpoch, sequence }: ProducerSequence): void => {
    sent.push(`${producerId}/${producerEpoch}/${sequence}`);
  };
  return {
    sent,
    idCount: () => ids,
    ok: (partition: number, count: number) =>
      sequences.send(partition, count, async (sequence) => note(sequence)),
    fail: (partition: number, error: unknown) =>
      sequences
        .send(partition, 5, async (sequence) => {
          note(sequence);
          throw error;
        })
        .catch((thrown: unknown) => expect(thrown).toBe(error)),
  };
}

const refused = new VarveError("no", { code: "MESSAGE_TOO_LARGE", status: 413 });
const lost = new VarveError("?", { code: "CONNECTION_LOST", mayHaveApplied: true });
const gap = new VarveError("gap", { code: "OUT_OF_ORDER_SEQUENCE_NUMBER", status: 409 });

test("each partition counts its records for itself, all under one id, asked for once", async () => {
  const { ok, sent, idCount } = world();
  await Promise.all([ok(0, 3), ok(1, 2)]);
  await Promise.all([ok(0, 4), ok(1, 1)]);
  await ok(0, 1);
  expect(sent).toEqual(["1/0/0", "1/0/0", "1/0/3", "1/0/2", "1/0/7"]);
  expect(idCount()).toBe(1);
});

test("after 2^31 - 1 comes 0", async () => {
  const { ok, sent } = world();
  await ok(0, 2 ** 31 - 2);
  await ok(0, 3);
  await ok(0, 1);
  expect(sent).toEqual(["1/0/0", "1/0/2147483646", "1/0/1"]);
});

test("refused: the place is free. Unknown: a higher epoch from 0, for that partition alone", async () => {
  const { ok, fail, sent } = world();
  await ok(0, 3);
  await ok(1, 1);
  await fail(0, refused);
  await ok(0, 2);
  await fail(0, lost);
  await ok(0, 1);
  await fail(0, new TypeError("a bug"));
  await ok(0, 1);
  await ok(1, 1);
  const first = ["1/0/0", "1/0/0", "1/0/3", "1/0/3", "1/0/5"];
  expect(sent).toEqual([...first, "1/1/0", "1/1/1", "1/2/0", "1/0/1"]);
});

test("the server has lost records, or the epochs are used up: another id", async () => {
  const { ok, fail, sent } = world();
  await ok(0, 3);
  await fail(0, gap);
  await ok(0, 1);
  expect(sent).toEqual(["1/0/0", "1/0/3", "2/0/0"]);
  const worn = world({ epoch: 32_767 });
  await worn.fail(0, lost);
  await worn.ok(0, 1);
  expect(worn.sent).toEqual(["1/32767/0", "2/32767/0"]);
});

test("no identity to be had: the request fails, the next one asks again", async () => {
  const { ok, sent } = world({ refusals: 1 });
  await expect(ok(0, 1)).rejects.toMatchObject({ code: "CONNECT_FAILED" });
  await ok(0, 1);
  expect(sent).toEqual(["1/0/0"]);
});
