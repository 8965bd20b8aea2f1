// The names of what one load works on.

/** The names of what one load works on. */
export interface Era {
  readonly name: string;
  readonly plain: string;
  readonly moved: string;
  readonly group: string;
  readonly movedGroup: string;
  readonly queue: string;
  readonly partitions: number;
}

/** The names of an era. */
export function eraOf(name: string, partitions = 3): Era {
  return {
    name,
    plain: `plain-${name}`,
    moved: `moved-${name}`,
    group: `readers-${name}`,
    movedGroup: `movers-${name}`,
    queue: `jobs-${name}`,
    partitions,
  };
}
