// Runs one job in a process of its own, so that a decoder that ends the process or never ends is found as well.

import { type ChildProcess, fork } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FuzzFacts } from "./fuzzer.ts";
import type { FuzzJob, FuzzWord } from "./worker.ts";

/** A job's outcome. */
export interface JobResult {
  readonly facts: FuzzFacts;
  /** Seconds of a processor; of the clock where the process did not live to say. */
  readonly seconds: number;
}

// A process says something every second or two; inputs that hang are ended before this.
const silenceMs = 180_000;
const noteFd = 4;

/**
 * Does a job.
 *
 * @param onProgress Told how many inputs are done, every second or so.
 */
export async function runJob(
  job: Omit<FuzzJob, "noteFd">,
  onProgress: (inputs: number) => void,
): Promise<JobResult> {
  const directory = mkdtempSync(join(tmpdir(), "varve-fuzz-"));
  const notePath = join(directory, "input");
  const note = openSync(notePath, "w+");
  const startMs = performance.now();
  try {
    const child = fork(fileURLToPath(new URL("worker.js", import.meta.url)), [], {
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc", note],
    });
    child.send({ ...job, noteFd });
    const end = await listen(child, onProgress);
    if (end.word?.kind === "done") return { facts: end.word.facts, seconds: end.word.seconds };
    const what = end.word === null ? end.detail : end.word.detail;
    const input = notedInput(readFileSync(notePath));
    const facts = factsOfDeath(job.target, end.inputs, { input, what });
    return { facts, seconds: (performance.now() - startMs) / 1000 };
  } finally {
    closeSync(note);
    rmSync(directory, { recursive: true, force: true });
  }
}

interface End {
  readonly word: Exclude<FuzzWord, { readonly kind: "progress" }> | null;
  readonly inputs: number;
  readonly detail: string;
}

function listen(child: ChildProcess, onProgress: (inputs: number) => void): Promise<End> {
  return new Promise((resolve) => {
    let word: End["word"] = null;
    let inputs = 0;
    let isSilent = false;
    const silence = setTimeout(() => {
      isSilent = true;
      child.kill("SIGKILL");
    }, silenceMs);
    child.on("message", (said: FuzzWord) => {
      silence.refresh();
      if (said.kind === "progress") {
        inputs = said.inputs;
        onProgress(inputs);
      } else {
        word = said;
      }
    });
    child.on("exit", (code, signal) => {
      clearTimeout(silence);
      const died = `the process ended by ${signal ?? `code ${code}`}`;
      const detail = isSilent ? `did not end within ${silenceMs} ms` : died;
      resolve({ word, inputs, detail });
    });
  });
}

function notedInput(note: Buffer): Uint8Array {
  return note.length < 4 ? note : note.subarray(4, 4 + note.readUInt32LE(0));
}

function factsOfDeath(
  target: string,
  inputs: number,
  { input, what }: { readonly input: Uint8Array; readonly what: string },
): FuzzFacts {
  const findings = [{ target, input, what }];
  return { target, inputs, valid: 0, kept: [], corpus: 0, outcomes: 0, bytesMost: 0, findings };
}
