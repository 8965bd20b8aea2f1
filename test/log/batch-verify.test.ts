import { describe, expect, test } from "vitest";
import { verifyBatches } from "../../src/log/batch-verify.ts";
import { FileBytes } from "../../src/log/log-scan.ts";
import { batchOf } from "../support/batches.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

const batches = [0, 2, 4, 6].map((baseOffset) =>
  batchOf([{ value: `a${baseOffset}` }, { value: "b" }], { baseOffset, leaderEpoch: 0 }),
);
const whole = Buffer.concat(batches);
const size = batches[0]?.length ?? 0;

async function verify(bytes: Uint8Array, differing: object = {}) {
  const disk = new FaultyDisk();
  disk.setContents("/log", bytes);
  const file = await disk.open("/log", "read");
  const offsets: number[] = [];
  const range = {
    baseOffset: 0,
    endPosition: bytes.length,
    endOffset: 8,
    mayHaveHoles: false,
    batchBytesMax: 4096,
    ...differing,
  };
  const damage = await verifyBatches(new FileBytes(file), range, (walk) =>
    offsets.push(walk.nextOffset),
  );
  return { damage, offsets };
}

describe("verify batches", () => {
  test("sound: each batch is shown, nothing is found", async () => {
    expect(await verify(whole)).toEqual({ damage: null, offsets: [2, 4, 6, 8] });
  });

  test.each([[false], [true]])(
    "every flipped bit is found, holes allowed: %s",
    async (mayHaveHoles) => {
      for (let bit = 0; bit < whole.length * 8; bit++) {
        const bytes = Uint8Array.from(whole);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const { damage } = await verify(bytes, { mayHaveHoles });
        expect([bit, damage === null]).toEqual([bit, false]);
        // The place is that of the batch, or of the next one, into which a base offset that grew runs.
        const batch = Math.floor((bit >> 3) / size) * size;
        expect([batch, batch + size]).toContain(damage?.position);
      }
    },
  );

  test("a wrong checksum names one batch, a broken chain all that follows", async () => {
    const rotten = Uint8Array.from(whole);
    rotten[size + 70] = (rotten[size + 70] ?? 0) ^ 4;
    const wrong = { position: size, fromOffset: 2, toOffset: 4, what: "checksum" };
    expect((await verify(rotten)).damage).toEqual(wrong);
    const broken = Uint8Array.from(whole);
    broken[size + 16] = 1;
    const unreadable = { position: size, fromOffset: 2, toOffset: 8, what: "format" };
    expect((await verify(broken)).damage).toEqual(unreadable);
  });

  test("cut at the end of a batch: found by the next segment's base, holes inside or not", async () => {
    const cut = whole.subarray(0, 3 * size);
    const missing = { position: 3 * size, fromOffset: 6, toOffset: 8, what: "length" };
    expect((await verify(cut)).damage).toEqual(missing);
    expect((await verify(cut, { mayHaveHoles: true })).damage).toEqual(missing);
    const over = { position: 3 * size, fromOffset: 6, toOffset: 7, what: "offset" };
    expect((await verify(whole, { endOffset: 7 })).damage).toEqual(over);
  });

  test("bytes that the disk does not give", async () => {
    const { damage } = await verify(whole, { endPosition: whole.length + 100 });
    const position = whole.length;
    expect(damage).toMatchObject({ what: "read", fromOffset: 8, toOffset: 8, position });
  });
});
