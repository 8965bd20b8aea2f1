import { expect, test } from "vitest";
import { seededRandom } from "../../../src/base/random.ts";
import { requestNaming } from "../../../src/doors/http/request-id.ts";

test("request id: one that is fit to be echoed is kept, anything else is replaced", () => {
  const name = requestNaming(seededRandom(1));
  const idOf = (given: string) => name({ headers: { "x-request-id": given } });
  for (const fit of ["a", "a b", "{}", "x".repeat(200)]) expect(idOf(fit)).toBe(fit);
  for (const unfit of ["", " a", "a ", "a\nb", "é", "x".repeat(201)]) {
    expect(idOf(unfit)).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
  }
});

test("request id: ours are all different, and those of two processes too", () => {
  const [one, other] = [requestNaming(seededRandom(1)), requestNaming(seededRandom(2))];
  const ids = [one, one, other, other].map((name) => name({ headers: {} }));
  expect(new Set(ids).size).toBe(4);
});
