// Waits for something that another part of the program does in its own time.

/** Resolves when `isTrue` is; asks once in every turn of the event loop. The test's own time limit is the bound. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setImmediate(resolve));
}
