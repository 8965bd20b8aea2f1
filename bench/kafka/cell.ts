// One cell of the comparison: something measured on one server at a time.

import type { Contestant } from "./servers.ts";

/** What is measured, and how. */
export interface Cell {
  readonly name: string;
  readonly unit: string;
  /** True where less is better. */
  readonly isCost: boolean;
  measure(server: Contestant): Promise<number>;
}

/** A load: records of one size on a topic of so many partitions. */
export interface Load {
  readonly sizeBytes: number;
  readonly partitions: number;
  readonly records: number;
}

/** Every size with every number of partitions; `scale` multiplies the records. */
export function loads(scale: number): readonly Load[] {
  const sizes = [
    { sizeBytes: 100, records: 400_000 },
    { sizeBytes: 1024, records: 100_000 },
    { sizeBytes: 10_240, records: 12_000 },
  ];
  return sizes.flatMap(({ sizeBytes, records }) =>
    [1, 16].map((partitions) => ({
      sizeBytes,
      partitions,
      records: Math.round(records * scale),
    })),
  );
}

/** `1024B 16p`. */
export function nameOf({ sizeBytes, partitions }: Load): string {
  return `${sizeBytes}B ${partitions}p`;
}

/** The number that the pattern's first group finds. @throws Error with the text when it finds none */
export function found(pattern: RegExp, text: string): number {
  const match = pattern.exec(text.trim());
  if (match === null) throw new Error(`no figure in:\n${text.slice(-1500)}`);
  return Number(match[1]);
}
