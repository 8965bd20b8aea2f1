import { expect, test } from "vitest";
import { BodyWatch } from "../../../src/doors/http/body-watch.ts";
import { FakeClock } from "../../support/fake-clock.ts";

test("body watch: what stands still is cut, what moves or is over is not", () => {
  const clock = new FakeClock();
  const watch = new BodyWatch(clock, 1000);
  const cut: string[] = [];
  watch.add(() => cut.push("still"));
  const moving = watch.add(() => cut.push("moving"));
  watch.delete(watch.add(() => cut.push("over")));
  clock.advance(900);
  watch.renew(moving);
  clock.advance(350);
  expect(cut).toEqual(["still"]);
  clock.advance(1000);
  expect(cut).toEqual(["still", "moving"]);
  clock.advance(1000);
  expect(clock.timerCount).toBe(0);
});
