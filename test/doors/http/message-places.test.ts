import fc from "fast-check";
import { expect, test } from "vitest";
import { MessagePlaces } from "../../../src/doors/http/message-places.ts";

test("ids known, new and repeated: every message is told where it is", () => {
  const places = new MessagePlaces();
  const added = ["a", null, "b", "a", "c", "b", null].map((id) => places.add(id));
  expect(added).toEqual([true, true, true, false, true, false, true]);
  expect(places.ids).toEqual(["a", "b", "c"]);
  places.tell([null, { partition: 7, offset: 70 }, null]);
  expect(places.knownCount).toBe(1);
  expect([0, 1, 2, 3, 4, 5, 6].filter((index) => places.isNew(index))).toEqual([0, 1, 4, 6]);
  const appended = [0, 1, 2, 3].map((offset) => ({ partition: 0, offset }));
  expect(places.all(appended).map(({ offset }) => offset)).toEqual([0, 1, 70, 0, 2, 70, 3]);
  expect(places.reserved(appended).map(({ offset }) => offset)).toEqual([0, 2]);
  expect(places.known).toEqual([{ partition: 7, offset: 70 }]);
});

test("property: one place an id, all messages without one apart", () => {
  const id = fc.option(fc.constantFrom("a", "b", "c", "d", "__proto__"));
  fc.assert(
    fc.property(fc.array(id), fc.array(fc.boolean(), { minLength: 5 }), (ids, areKnown) => {
      const places = new MessagePlaces();
      for (const each of ids) places.add(each);
      places.tell(
        places.ids.map((_, index) => (areKnown[index] ? { partition: 1, offset: index } : null)),
      );
      const fresh = ids.filter((_, index) => places.isNew(index));
      const appended = fresh.map((_, offset) => ({ partition: 0, offset }));
      const all = places.all(appended);
      expect(all).toHaveLength(ids.length);
      expect(all).not.toContain(undefined);
      const byId = new Map<string, object>();
      const alone = new Set<object>();
      for (const [index, each] of ids.entries()) {
        const place = all[index] ?? {};
        if (each === null) alone.add(place);
        else expect(byId.get(each) ?? place).toBe(place);
        if (each !== null) byId.set(each, place);
      }
      expect(alone.size).toBe(ids.filter((each) => each === null).length);
      const newIds = places.ids.filter((_, index) => areKnown[index] !== true);
      expect(places.reserved(appended)).toEqual(newIds.map((each) => byId.get(each)));
    }),
  );
});
