// Which operations a client may do, as bit masks: bit n stands for Kafka's AclOperation n. There is no authorizer, so
// that everybody may do everything there is.

// Read 3, write 4, create 5, delete 6, alter 7, describe 8, cluster action 9, describe configs 10, alter configs 11,
// idempotent write 12.
const operations = {
  topic: [3, 4, 5, 6, 7, 8, 10, 11],
  group: [3, 6, 8, 10, 11],
  cluster: [5, 7, 8, 9, 10, 11, 12],
} as const;

const notAsked = -2147483648;

/** The mask of a kind of resource; the smallest int32 when the client did not ask for it. */
export function authorizedOperations(
  kind: keyof typeof operations,
  { isAsked }: { readonly isAsked: boolean },
): number {
  if (!isAsked) return notAsked;
  return operations[kind].reduce((mask, operation) => mask | (1 << operation), 0);
}
