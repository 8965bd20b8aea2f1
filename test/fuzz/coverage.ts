// Which code of the house has run: V8's own block coverage, asked for between batches of inputs.

import { type Profiler, Session } from "node:inspector";

type Part = readonly [code: Uint8Array, covered: Uint8Array];

/** Tells whether code ran that had never run before. One a process, begun before that code is loaded. */
export class Coverage {
  readonly #session = new Session();
  /** Of each function: 1 for each of its characters that is known to have run. */
  readonly #seen = new Map<string, Uint8Array>();

  /** Begins to watch: code that is loaded from here on is counted block by block. */
  start(): void {
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Stops watching. */
  stop(): void {
    this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }

  /** How many characters of code were seen to run. */
  get size(): number {
    let size = 0;
    for (const seen of this.#seen.values()) for (const mark of seen) size += mark;
    return size;
  }

  /** What ran since the last call and had never been seen to run; it stays unseen until `note`. */
  fresh(): readonly Part[] {
    const fresh: Part[] = [];
    for (const { scriptId, url, functions } of this.#take()) {
      // Only the house's own code: neither packages nor the fuzzer.
      if (!url.includes("/src/") || url.includes("node_modules")) continue;
      for (const { ranges } of functions) {
        const [whole] = ranges;
        if (whole === undefined || whole.count === 0) continue;
        const { startOffset, endOffset } = whole;
        const key = `${scriptId}:${startOffset}:${endOffset}`;
        const seen = this.#seen.get(key) ?? new Uint8Array(endOffset - startOffset);
        this.#seen.set(key, seen);
        const covered = coveredOf(ranges);
        if (covered.some((mark, index) => mark > (seen[index] ?? 0))) fresh.push([seen, covered]);
      }
    }
    return fresh;
  }

  /** Counts parts as seen. */
  note(parts: readonly Part[]): void {
    for (const [seen, covered] of parts) {
      for (const [index, mark] of covered.entries()) if (mark === 1) seen[index] = 1;
    }
  }

  // Within one thread the answer is there before `post` returns.
  #take(): readonly Profiler.ScriptCoverage[] {
    let result: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      if (error !== null) throw error;
      result = answer.result;
    });
    return result;
  }
}

// Ranges come from the outermost in; those that did not run are cut out of what is around them.
function coveredOf(ranges: readonly Profiler.CoverageRange[]): Uint8Array {
  const start = ranges[0]?.startOffset ?? 0;
  const covered = new Uint8Array((ranges[0]?.endOffset ?? 0) - start);
  for (const { startOffset, endOffset, count } of ranges) {
    covered.fill(count === 0 ? 0 : 1, startOffset - start, endOffset - start);
  }
  return covered;
}
