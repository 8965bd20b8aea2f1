import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameSplitter } from "../../../src/doors/kafka/frame-splitter.ts";

function framed(body: Uint8Array): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

function splitter(mayTake: (bytes: number) => boolean = () => true): FrameSplitter {
  return new FrameSplitter({ frameBytesMax: 10_000, mayTake });
}

test("property: frames cut anywhere: come out whole, in order, and nothing is left", () => {
  const bodies = fc.array(fc.uint8Array({ minLength: 8, maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(bodies, fc.array(fc.integer({ min: 1, max: 400 })), (frames, cuts) => {
      const split = splitter();
      const found: Buffer[] = [];
      let rest = Buffer.concat(frames.map(framed));
      for (const cut of [...cuts, rest.length]) {
        split.push(Buffer.from(rest.subarray(0, cut)));
        rest = rest.subarray(cut);
        for (let frame = split.next(); frame !== null; frame = split.next()) found.push(frame);
      }
      expect(found.map((frame) => frame.toString("hex"))).toEqual(
        frames.map((frame) => Buffer.from(frame).toString("hex")),
      );
      expect(split.isInFrame).toBe(false);
    }),
    { numRuns: 200 },
  );
});

test("frames in one piece: are views of it, none of which covers another's bytes", () => {
  const split = splitter();
  const chunk = Buffer.concat([framed(Buffer.alloc(8, 1)), framed(Buffer.alloc(8, 2))]);
  split.push(chunk);
  const [one, two] = [split.next(), split.next()];
  expect(one?.buffer).toBe(chunk.buffer);
  one?.fill(9);
  expect(two).toEqual(Buffer.alloc(8, 2));
});

test("no room: the frame waits, is asked for once, and comes when it is admitted", () => {
  const asked: number[] = [];
  const split = splitter((bytes) => {
    asked.push(bytes);
    return asked.length > 1;
  });
  split.push(Buffer.concat([framed(Buffer.alloc(9, 1)), framed(Buffer.alloc(8, 2))]));
  expect(split.next()).toBeNull();
  expect(split.next()).toBeNull();
  expect(split.isInFrame).toBe(true);
  split.admit();
  expect(split.next()).toEqual(Buffer.alloc(9, 1));
  expect(split.next()).toEqual(Buffer.alloc(8, 2));
  expect(asked).toEqual([9, 8]);
});

test("a size beyond the bound: is refused before anybody is asked for room", () => {
  const split = splitter(() => {
    throw new Error("asked");
  });
  const head = Buffer.alloc(4);
  head.writeInt32BE(10_001);
  split.push(head.subarray(0, 1));
  expect(split.next()).toBeNull();
  split.push(head.subarray(1));
  expect(() => split.next()).toThrow(/10001 bytes was announced; allowed are 8 to 10000/);
});
