// Waits for what another process does in its own time, without keeping a core busy.

const pauseMs = 20;
const waitMsMax = 60_000;

/** Resolves when `isTrue` is; rejects after a minute. */
export async function soon(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`did not come to pass: ${String(isTrue)}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
