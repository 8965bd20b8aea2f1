import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { generationJson, readGeneration } from "../../src/group/classic-events.ts";
import type { ClassicMember, Generation } from "../../src/group/classic-group.ts";
import { EventFields } from "../../src/group/event-fields.ts";

const bytes = fc.uint8Array({ maxLength: 40 });
const names = fc.string({ unit: "binary", maxLength: 12 });
const member = fc.record<ClassicMember>({
  memberId: names,
  instanceId: fc.option(names),
  clientId: names,
  clientHost: names,
  sessionTimeoutMs: fc.nat(),
  rebalanceTimeoutMs: fc.nat(),
  protocols: fc.array(fc.record({ name: names, metadata: bytes }), { maxLength: 3 }),
  assignment: bytes,
});
const generation = fc.record<Generation>({
  generationId: fc.nat(),
  protocolType: names,
  protocolName: names,
  leaderId: fc.option(names),
  members: fc
    .array(member, { maxLength: 4 })
    .map((members) => new Map(members.map((one) => [one.memberId, one]))),
  isAssigned: fc.boolean(),
  emptySinceMs: fc.option(fc.nat()),
});

function roundTrip(value: object): Generation {
  return readGeneration(new EventFields(Buffer.from(JSON.stringify(value))));
}

/** The same with plain arrays of numbers, whatever kind of bytes they were. */
function plain(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Map) return [...part];
    if (part instanceof Uint8Array) return [...part];
    const isBuffer = typeof part === "object" && part !== null && "data" in part;
    return isBuffer ? part.data : part;
  });
}

describe("classic events", () => {
  test("any generation: read as it was written, in its order", () => {
    fc.assert(
      fc.property(generation, (written) => {
        expect(plain(roundTrip(generationJson(written)))).toBe(plain(written));
      }),
    );
  });

  test("something missing or of another type: not read", () => {
    const [written] = fc.sample(
      generation.filter(({ members }) => members.size > 0),
      1,
    );
    if (written === undefined) return;
    const json = JSON.parse(JSON.stringify(generationJson(written))) as Record<string, unknown>;
    for (const name of Object.keys(json)) {
      for (const wrong of [undefined, { a: 1 }, [3]]) {
        const code = ((): string => {
          try {
            roundTrip({ ...json, [name]: wrong });
            return "ok";
          } catch (error) {
            return error instanceof LogError ? error.code : String(error);
          }
        })();
        expect([name, code]).toEqual([name, "KAFKA_STORAGE_ERROR"]);
      }
    }
  });
});
