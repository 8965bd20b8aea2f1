// Waiting for work that needs nothing but turns of the event loop, so that what hangs is told instead of waited for.

import { settle } from "../support/fake-clock.ts";

// Far more turns of the event loop than any work of these tests takes.
const turnsMax = 100_000;

/**
 * Resolves as `work` does; to null when it is abandoned before, since work on a dead disk may try again for ever.
 * @throws what the work throws, and an error when it hangs.
 */
export async function patiently<T>(
  work: Promise<T>,
  isAbandoned: () => boolean = () => false,
): Promise<T | null> {
  let isOver = false;
  const watched = work.finally(() => {
    isOver = true;
  });
  // It is looked at below, or nobody wants to know any more.
  watched.catch(() => undefined);
  for (let turn = 0; !isOver; turn++) {
    if (isAbandoned()) return null;
    if (turn > turnsMax) throw new Error("it hangs");
    await settle(1);
  }
  return watched;
}
