// The corpus on the disk: inputs that once broke a decoder, and others worth running again, a file each.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/source-tree.ts";

const directory = join(projectRoot, "test/fuzz/corpus");

/** The kept inputs of a target, in order of their names. */
export function readCorpus(target: string): readonly Uint8Array[] {
  const path = join(directory, target);
  if (!existsSync(path)) return [];
  const names = readdirSync(path).toSorted();
  return names.map((name) => readFileSync(join(path, name)));
}

/** Keeps an input; the same input is kept once. Gives the file's path from the project's root. */
export function writeCorpus(target: string, input: Uint8Array): string {
  const path = join(directory, target);
  mkdirSync(path, { recursive: true });
  const name = createHash("sha256").update(input).digest("hex").slice(0, 16);
  writeFileSync(join(path, name), input);
  return join("test/fuzz/corpus", target, name);
}

/** The targets that have kept inputs. */
export function corpusTargets(): readonly string[] {
  return existsSync(directory) ? readdirSync(directory).toSorted() : [];
}
