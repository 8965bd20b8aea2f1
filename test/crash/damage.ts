// What `varve check` says of a data directory whose server has died: nothing may be called damage that is none.

import { checkDataDirectory } from "../../src/cli/directory-check.ts";

/** What `varve check` says is damaged. */
export async function damageIn(dataDir: string): Promise<readonly string[]> {
  const found: string[] = [];
  const onPartition = async (report: PartitionFindings): Promise<void> => {
    found.push(...report.problems.map((problem) => JSON.stringify(problem)));
  };
  const look = { isDeep: true, onBytes: () => undefined, mayHaveHoles: false, onPartition };
  const own = await checkDataDirectory(dataDir, look);
  return [...found, ...own.problems.map((problem) => JSON.stringify(problem))];
}

interface PartitionFindings {
  readonly problems: readonly object[];
}
