// Which protocol the members of a classic group work with: one that all know, by their votes.

import type { GroupProtocol } from "../services.ts";

const noBytes = new Uint8Array(0);

/** A member as far as its protocols go. */
export interface Voter {
  /** In order of preference. */
  readonly protocols: readonly GroupProtocol[];
}

/** Names that every voter knows, in the order of the first; none without voters. */
export function commonProtocols(voters: readonly Voter[]): readonly string[] {
  const [first, ...others] = voters;
  if (first === undefined) return [];
  const names = new Set(first.protocols.map(({ name }) => name));
  for (const { protocols } of others) {
    const known = new Set(protocols.map(({ name }) => name));
    for (const name of names) if (!known.has(name)) names.delete(name);
  }
  return [...names];
}

/**
 * The common protocol with most votes; each voter votes for the one it likes best. Of equals the first voter's choice
 * goes first. Empty when there is none in common.
 */
export function electProtocol(voters: readonly Voter[]): string {
  const votes = new Map(commonProtocols(voters).map((name) => [name, 0]));
  for (const { protocols } of voters) {
    const choice = protocols.find(({ name }) => votes.has(name))?.name;
    if (choice !== undefined) votes.set(choice, (votes.get(choice) ?? 0) + 1);
  }
  let elected = "";
  let most = 0;
  for (const [name, count] of votes) {
    if (count <= most) continue;
    elected = name;
    most = count;
  }
  return elected;
}

/** A member's metadata for a protocol; empty when it does not know it. */
export function metadataOf({ protocols }: Voter, protocolName: string): Uint8Array {
  return protocols.find(({ name }) => name === protocolName)?.metadata ?? noBytes;
}

/** True when both lists have the same names and bytes in the same order. */
export function isSameProtocols(
  left: readonly GroupProtocol[],
  right: readonly GroupProtocol[],
): boolean {
  if (left.length !== right.length) return false;
  return left.every(({ name, metadata }, index) => {
    const other = right[index];
    return other?.name === name && Buffer.compare(other.metadata, metadata) === 0;
  });
}
