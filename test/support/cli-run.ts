// Runs a command of the command line inside the test's own process, with streams the test holds.

import { PassThrough, Readable, Writable } from "node:stream";
import { foregroundClock } from "../../src/base/clock.ts";
import { run } from "../../src/cli/program.ts";

/** What a command did. */
export interface CliResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What a command is given besides its words. */
export interface CliInput {
  readonly stdin?: string | Uint8Array | Readable;
  readonly stop?: AbortSignal;
  /** Takes standard output instead of the result. */
  readonly stdout?: Writable;
}

/** Runs `varve` with these words to its end. */
export async function varve(words: readonly string[], input: CliInput = {}): Promise<CliResult> {
  const chunks: Buffer[] = [];
  const errors: Buffer[] = [];
  const collect = (into: Buffer[]): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        into.push(Buffer.from(chunk));
        done();
      },
    });
  const { stdin = new PassThrough().end() as Readable } = input;
  const code = await run(words, {
    stdin: stdin instanceof Readable ? stdin : Readable.from([Buffer.from(stdin)]),
    stdout: input.stdout ?? collect(chunks),
    stderr: collect(errors),
    stop: input.stop ?? new AbortController().signal,
    clock: foregroundClock,
  });
  return { code, stdout: Buffer.concat(chunks), stderr: Buffer.concat(errors).toString() };
}
