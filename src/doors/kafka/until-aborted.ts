// Calls that wait for other clients, cut short when nobody is there any more to hear the answer, or the door closes.

import { LogError } from "../../base/error.ts";

/**
 * What the work comes to. When the signal aborts before, the work goes on and nobody waits for it.
 *
 * @throws COORDINATOR_NOT_AVAILABLE when the signal aborts, so that a client of a closing door looks for another.
 */
export async function untilAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      reject(new LogError("COORDINATOR_NOT_AVAILABLE", "the connection ends before its answer"));
    };
  });
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
