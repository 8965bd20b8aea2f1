// Every way in which the bytes of a small data directory can be damaged, one at a time.

import { type Random, seededRandom } from "../../src/base/random.ts";
import { decodeCheckpoint } from "../../src/storage/checkpoint-file.ts";
import { clusterIdIn } from "../../src/storage/format-file.ts";
import { watchAllocations } from "./allocations.ts";
import { patiently } from "./patience.ts";
import { judge, type Judgement, type SmallDirectory } from "./small-directory.ts";

/** One damaged file: null when it is missing. */
export interface Damage {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array | null;
}

/** Kinds of damage. */
export type DamageKind = "cut" | "flip" | "blocks";

/** Paths of all files that a damage may befall. */
export function pathsOf(small: SmallDirectory): readonly string[] {
  return small.disk.paths().filter((path) => !path.endsWith("/.lock"));
}

/** All damages of a kind to a file; of `stride` only one, beginning with the `first`. */
export function* damagesOf(
  small: SmallDirectory,
  path: string,
  {
    kind,
    stride,
    seed,
  }: { readonly kind: DamageKind; readonly stride: number; readonly seed: number },
): Iterable<Damage> {
  const before = small.disk.contents(path) ?? new Uint8Array(0);
  const random = seededRandom(seed);
  const first = random.below(stride);
  if (kind === "cut") {
    yield { name: `${path} is missing`, path, bytes: null };
    for (let length = first; length < before.length; length += stride) {
      yield { name: `${path} cut to ${length}`, path, bytes: before.slice(0, length) };
    }
  } else if (kind === "flip") {
    for (let bit = first; bit < before.length * 8; bit += stride) {
      yield { name: `${path} bit ${bit}`, path, bytes: flipped(before, bit) };
    }
  } else {
    yield* blocks(path, before, random);
  }
}

function flipped(before: Uint8Array, bit: number): Uint8Array {
  const bytes = before.slice();
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return bytes;
}

const sector = 512;

// Zeroed, swapped and repeated sectors, two flips at once, and bytes behind the end.
function* blocks(path: string, before: Uint8Array, random: Random): Iterable<Damage> {
  const sectors = Math.ceil(before.length / sector);
  const at = (index: number): Uint8Array => before.slice(index * sector, (index + 1) * sector);
  const changed = (name: string, change: (bytes: Uint8Array) => void): Damage => {
    const bytes = before.slice();
    change(bytes);
    return { name: `${path} ${name}`, path, bytes };
  };
  for (let index = 0; index < sectors; index++) {
    const from = index * sector;
    yield changed(`sector ${index} zeroed`, (bytes) => bytes.fill(0, from, from + sector));
    yield changed(`block from sector ${index} zeroed`, (bytes) => bytes.fill(0, from, from + 4096));
    for (let other = index + 1; other < sectors; other++) {
      const one = at(index).subarray(0, at(other).length);
      yield changed(`sectors ${index} and ${other} swapped`, (bytes) => {
        bytes.set(at(other), from);
        bytes.set(one, other * sector);
      });
      yield changed(`sector ${index} again as ${other}`, (bytes) => bytes.set(one, other * sector));
    }
  }
  for (let count = 0; count < 8 && before.length > 0; count++) {
    const bits = [random.below(before.length * 8), random.below(before.length * 8)];
    const bytes = bits.reduce(flipped, before);
    yield { name: `${path} bits ${bits.join(" and ")}`, path, bytes };
  }
  const tails = [new Uint8Array(600), random.bytes(600), before.slice(0, 600)];
  for (const [index, tail] of tails.entries()) {
    const what = ["zeros", "garbage", "its own beginning"][index];
    yield { name: `${path} with ${what} behind`, path, bytes: Buffer.concat([before, tail]) };
  }
}

/** What a copy of the directory with that damage is judged to be. */
export async function judgeDamage(small: SmallDirectory, damage: Damage): Promise<Judgement> {
  const disk = small.disk.afterCrash(seededRandom(0), "all");
  if (damage.bytes === null) {
    await disk.remove(damage.path);
    await disk.syncDirectory(damage.path.slice(0, damage.path.lastIndexOf("/")));
  } else {
    disk.setContents(damage.path, damage.bytes);
  }
  const left = damage.bytes?.length ?? 0;
  const judgement = await patiently(judge(small, disk, !isUnknowable(small, damage)));
  if (judgement === null) throw new Error("nobody abandons a judgement");
  const { outcome, problems } = judgement;
  const more: string[] = [];
  if (outcome !== "whole" && derived.test(damage.path) && !namesAnother(small, damage)) {
    more.push("a derived file takes more with it");
  }
  if (
    (disk.contents(damage.path)?.length ?? left) < Math.min(left, durableBytes(small, damage.path))
  ) {
    more.push("it is cut below the recovery point");
  }
  return { outcome, problems: [...problems, ...more] };
}

// What can be made again from the logs.
const derived =
  /\/(checkpoint|clean-shutdown|meta\.properties|\d{20}\.(index|timeindex|txnindex|snapshot))$/;

// By a flipped bit the directory may say that it is part of another cluster, and is refused.
function namesAnother(small: SmallDirectory, { path, bytes }: Damage): boolean {
  const [before, after] = [small.disk.contents(path), bytes];
  if (!path.endsWith("/meta.properties") || before === null || after === null) return false;
  const named = clusterIdIn(after);
  return named !== null && named !== clusterIdIn(before);
}

// How much of a log the checkpoint says was durable; 0 for other files.
function durableBytes(small: SmallDirectory, path: string): number {
  const [, name = "", base = ""] = segmentPath.exec(path) ?? [];
  const checkpoint = decodeCheckpoint(small.disk.contents("/data/checkpoint") ?? new Uint8Array(0));
  const entry = checkpoint?.entries.get(name);
  if (entry === undefined || Number(base) > entry.segmentBase) return 0;
  return Number(base) < entry.segmentBase ? Number.POSITIVE_INFINITY : entry.position;
}

const segmentPath = /([^/]+)\/(\d{20})\.log$/;

// Behind the last checkpoint a file that ends sooner is one that nothing was appended to: with a single copy nobody can
// know better. Whatever else is wrong there is told, and no record may be wrong.
function isUnknowable(small: SmallDirectory, { path, bytes }: Damage): boolean {
  const [, name = "", base = ""] = segmentPath.exec(path) ?? [];
  const before = small.disk.contents(path);
  const isCut = bytes === null || (before !== null && bytes.length < before.length);
  if (name === "" || !isCut) return false;
  const checkpoint = decodeCheckpoint(small.disk.contents("/data/checkpoint") ?? new Uint8Array(0));
  const entry = checkpoint?.entries.get(name);
  if (entry === undefined) return true;
  if (Number(base) !== entry.segmentBase) return Number(base) > entry.segmentBase;
  return bytes !== null && bytes.length >= entry.position;
}

async function judged(small: SmallDirectory, damage: Damage): Promise<Judgement> {
  try {
    return await judgeDamage(small, damage);
  } catch (error) {
    return {
      outcome: "refused",
      problems: [error instanceof Error ? error.message : String(error)],
    };
  }
}

/** How much is tried. */
export interface DamageOptions {
  readonly kinds: readonly DamageKind[];
  /** Of cuts and flips one in so many; 1 for all. */
  readonly stride: number;
  readonly seed: number;
  /** Only files whose path ends so; null or absent for all. */
  readonly only?: string | null;
  /** Called after each file. */
  readonly onProgress?: (facts: DamageFacts) => void;
}

/** What was tried and found. */
export interface DamageFacts {
  files: number;
  readonly filesInAll: number;
  cases: number;
  readonly outcomes: Record<Judgement["outcome"], number>;
  /** Largest allocation of the whole directory's opening, and of any damaged one's, bytes. */
  readonly allocatedWhole: number;
  allocatedMax: number;
  readonly problems: string[];
}

/** Tries damages to every file, one at a time. */
export async function tryDamages(
  small: SmallDirectory,
  options: DamageOptions,
): Promise<DamageFacts> {
  const watch = watchAllocations();
  try {
    const whole = await judge(small, small.disk.afterCrash(seededRandom(0), "all"));
    const paths = pathsOf(small).filter((path) => path.endsWith(options.only ?? ""));
    const allocatedWhole = watch.take();
    const facts: DamageFacts = {
      files: 0,
      filesInAll: paths.length,
      cases: 0,
      outcomes: { whole: 0, partial: 0, refused: 0 },
      allocatedWhole,
      allocatedMax: 0,
      problems: whole.outcome === "whole" ? [...whole.problems] : ["undamaged it is not whole"],
    };
    for (const path of paths) {
      for (const kind of options.kinds) {
        for (const damage of damagesOf(small, path, { ...options, kind })) {
          const { outcome, problems } = await judged(small, damage);
          const allocated = watch.take();
          facts.cases++;
          facts.outcomes[outcome]++;
          facts.allocatedMax = Math.max(facts.allocatedMax, allocated);
          facts.problems.push(...problems.map((problem) => `${damage.name}: ${problem}`));
          if (allocated > allocatedWhole) {
            facts.problems.push(`${damage.name}: ${allocated} bytes are allocated at once`);
          }
        }
      }
      facts.files++;
      options.onProgress?.(facts);
    }
    return facts;
  } finally {
    watch.stop();
  }
}
