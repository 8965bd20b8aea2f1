// What a simulation has come past: operations, errors that clients saw, faults, and states of the server.

/** Counts by name; names begin with their kind: `call`, `error`, `fault`, `state`, `log`. */
export class Coverage {
  readonly counts = new Map<string, number>();

  /** One more. */
  hit(name: string, count = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + count);
  }

  /** Takes what another counted. */
  add(other: Iterable<readonly [string, number]>): void {
    for (const [name, count] of other) this.hit(name, count);
  }

  /** Those of the names that were never reached. */
  missing(names: readonly string[]): readonly string[] {
    return names.filter((name) => !this.counts.has(name));
  }

  /** A table for people, in order of name; of names that are expected and were not reached the count is 0. */
  table(expected: readonly string[] = []): string {
    const names = [...new Set([...this.counts.keys(), ...expected])].sort();
    const width = Math.max(0, ...names.map(({ length }) => length));
    return names
      .map((name) => `  ${name.padEnd(width)} ${String(this.counts.get(name) ?? 0).padStart(9)}`)
      .join("\n");
  }
}
