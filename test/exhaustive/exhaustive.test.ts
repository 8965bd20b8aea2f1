// The short form of `npm run exhaustive`: other calls, cuts and bits of the same, so that each kind is tried.

import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { Choices } from "./choices.ts";
import { tryCrashPoints, tryLostSectors } from "./crash-points.ts";
import { judgeDamage, tryDamages } from "./damage.ts";
import type { Subject, Workload } from "./subject.ts";
import { makeSmallDirectory } from "./small-directory.ts";
import { workloads } from "./workloads.ts";

function workloadOf(name: string): Workload {
  const found = workloads.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no workload ${name}`);
  return found;
}

// Slow machines take their time: each of these is dozens of starts of an engine.
const patient = { timeout: 120_000 };

describe("exhaustive: the machine stops at a call to the disk", patient, () => {
  for (const workload of workloads) {
    test(workload.name, async () => {
      const options = { stride: 19, recoveryStride: 0, left: null, seed: 3 };
      const facts = await tryCrashPoints(workload, options);
      expect(facts.problems).toEqual([]);
      expect(facts.calls).toBeGreaterThan(10);
      expect(facts.cases).toBeGreaterThan(0);
    });
  }

  test("and at calls of the recovery", async () => {
    const options = { stride: 100, recoveryStride: 1, left: null, seed: 4 };
    const facts = await tryCrashPoints(workloadOf("append"), options);
    expect(facts.problems).toEqual([]);
    expect(facts.recoveries).toBeGreaterThan(20);
  });
});

test("exhaustive: every subset of unsynced sectors is lost", patient, async () => {
  const options = { stride: 9, outcomesMax: 16, seed: 1 };
  const facts = await tryLostSectors(workloadOf("group commit"), options);
  expect(facts.problems).toEqual([]);
  expect(facts.whole).toBeGreaterThan(0);
  expect(facts.cases).toBeGreaterThan(facts.whole);
});

describe("exhaustive: a damaged file", patient, () => {
  for (const leaving of ["stop", "kill"] as const) {
    test(`after a ${leaving}: cut, flipped, sectors zeroed and moved`, async () => {
      const small = await makeSmallDirectory(leaving);
      const facts = await tryDamages(small, { kinds: ["cut", "flip"], stride: 1997, seed: 5 });
      expect(facts.problems).toEqual([]);
      expect(facts.outcomes.refused).toBeGreaterThan(0);
      expect(facts.outcomes.partial).toBeGreaterThan(0);
    });
  }
});

// The harness itself: what breaks its promises is found.
class Forgetful implements Subject {
  readonly #inner: Subject;
  readonly #lie: readonly string[];

  constructor(inner: Subject, lie: readonly string[]) {
    this.#inner = inner;
    this.#lie = lie;
  }

  open: Subject["open"] = (disk) => this.#inner.open(disk);
  prepare: Subject["prepare"] = () => this.#inner.prepare();
  run: Subject["run"] = () => this.#inner.run();
  stopped: Subject["stopped"] = (how) => this.#inner.stopped(how);
  goOn: Subject["goOn"] = () => this.#inner.goOn();
  check: Subject["check"] = async () => [...(await this.#inner.check()), ...this.#lie];
}

describe("exhaustive: the harness", () => {
  test("what a check finds is told with the call, the kind of stop and the seed", async () => {
    const inner = workloadOf("append");
    const workload = { ...inner, make: () => new Forgetful(inner.make(), ["it is gone"]) };
    const facts = await tryCrashPoints(workload, {
      stride: 100,
      recoveryStride: 0,
      left: ["none"],
      seed: 9,
    });
    expect(facts.problems[0]).toBe("append: halt-before call 1, none, seed 9: it is gone");
  });

  test("a loss without a word and a wrong record are found", async () => {
    const small = await makeSmallDirectory("stop");
    const records = new Map(small.records).set(0, "another").set(1000, "never written");
    const path = "/data/clean-shutdown";
    const { problems } = await judgeDamage({ ...small, records }, { name: "", path, bytes: null });
    expect(problems.join()).toMatch(/record 0 reads/);
    const disk = small.disk.afterCrash(seededRandom(0), "all");
    expect(disk.paths()).toEqual(small.disk.paths());
  });

  test("choices go through every outcome once", () => {
    const choices = new Choices();
    const seen: string[] = [];
    do {
      const first = choices.below(3);
      seen.push(first === 1 ? `${first}` : `${first}${choices.below(2)}`);
    } while (choices.advance());
    expect(seen).toEqual(["00", "01", "1", "20", "21"]);
  });
});
