import { expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { frameDamage, isChecksumGood } from "../../src/log/batch-frame.ts";
import { batchOf } from "../support/batches.ts";

const good = batchOf([{ value: "a" }, { value: "b" }], { leaderEpoch: 0 });

function changed(change: (view: DataView) => void): DataView {
  const copy = good.slice();
  change(viewOf(copy));
  return viewOf(copy);
}

test("batch frame: a stored batch passes, with anything behind it", () => {
  expect(frameDamage(viewOf(good), 0, good.length)).toBeNull();
  expect(frameDamage(viewOf(good), 0, good.length + 500)).toBeNull();
  expect(isChecksumGood(good, viewOf(good), 0)).toBe(true);
});

test("batch frame: each kind of damage is named", () => {
  const end = good.length;
  expect(frameDamage(viewOf(good), 0, 60)).toBe("length");
  expect(frameDamage(viewOf(good), 0, end - 1)).toBe("length");
  for (const length of [0, -1, 48, 2 ** 31 - 1]) {
    expect(
      frameDamage(
        changed((view) => view.setInt32(8, length)),
        0,
        end,
      ),
    ).toBe("length");
  }
  expect(
    frameDamage(
      changed((view) => view.setInt8(16, 1)),
      0,
      end,
    ),
  ).toBe("format");
  expect(
    frameDamage(
      changed((view) => view.setInt32(12, -1)),
      0,
      end,
    ),
  ).toBe("epoch");
  expect(
    frameDamage(
      changed((view) => view.setInt32(23, -1)),
      0,
      end,
    ),
  ).toBe("count");
  expect(
    frameDamage(
      changed((view) => view.setInt32(57, 3)),
      0,
      end,
    ),
  ).toBe("count");
  expect(
    frameDamage(
      changed((view) => view.setInt32(57, 1)),
      0,
      end,
    ),
  ).toBeNull();
  const bad = changed((view) => view.setInt8(end - 1, 1));
  expect(isChecksumGood(new Uint8Array(bad.buffer), bad, 0)).toBe(false);
});
