// Kill torture: producers fill a child server, the parent keeps a ledger of what was acknowledged, kills the server
// with SIGKILL at random moments, restarts it and compares. The ledger lives in the parent, so a crash cannot touch it.

import { createHash } from "node:crypto";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { freePort, ServerProcess } from "../support/server-process.ts";

/** What one run of the torture does. */
export interface TortureOptions {
  readonly dataDir: string;
  readonly cycles: number;
  readonly seed: number;
  readonly producers: number;
  readonly partitions: number;
  /** Told after each cycle. */
  readonly onCycle?: (cycle: number, facts: TortureFacts) => void;
}

/** What came of it; `problems` is empty when every promise held. */
export interface TortureFacts {
  readonly cycles: number;
  readonly acknowledged: number;
  readonly unacknowledgedFound: number;
  readonly commits: number;
  readonly restartMsMax: number;
  readonly problems: readonly string[];
}

interface Ledger {
  /** partition → offset → value, of every acknowledged record. */
  readonly acknowledged: readonly Map<number, string>[];
  /** Every value ever sent: nothing else may turn up. */
  readonly sent: Set<string>;
  /** Last acknowledged committed offset per partition. */
  readonly committed: number[];
  /** Partitions with a commit on its way: one at a time, so that a late one cannot overtake. */
  readonly committing: Set<number>;
  commits: number;
}

const topic = "torture";
const group = "torture-readers";

/** Runs the torture on one data directory. */
export async function torture(options: TortureOptions): Promise<TortureFacts> {
  const random = seededRandom(options.seed);
  const ledger: Ledger = {
    acknowledged: Array.from({ length: options.partitions }, () => new Map()),
    sent: new Set(),
    committed: Array.from({ length: options.partitions }, () => -1),
    committing: new Set(),
    commits: 0,
  };
  const problems: string[] = [];
  let restartMsMax = 0;
  let unacknowledgedFound = 0;
  const port = await freePort();
  const flags = [
    "--log-level",
    "warn",
    "--checkpoint-interval-ms",
    "100",
    "--topic-defaults",
    "segment.bytes=262144",
  ];
  let server = await ServerProcess.start({ dataDir: options.dataDir, port, flags });
  await createTopic(server.url, options.partitions);
  for (let cycle = 1; cycle <= options.cycles; cycle++) {
    await loadUntilKilled(server, ledger, { options, cycle, random });
    server = await ServerProcess.start({ dataDir: options.dataDir, port, flags });
    restartMsMax = Math.max(restartMsMax, server.readyMs);
    const found = await compare(server.url, ledger);
    problems.push(...found.problems.map((problem) => `cycle ${cycle}: ${problem}`));
    unacknowledgedFound = found.unacknowledged;
    options.onCycle?.(cycle, factsOf());
    if (problems.length > 0) break;
  }
  await server.stop();
  return factsOf();

  function factsOf(): TortureFacts {
    const acknowledged = ledger.acknowledged.reduce((sum, each) => sum + each.size, 0);
    const { commits } = ledger;
    return {
      cycles: options.cycles,
      acknowledged,
      unacknowledgedFound,
      commits,
      restartMsMax,
      problems,
    };
  }
}

async function createTopic(url: string, partitions: number): Promise<void> {
  const response = await fetch(`${url}/v1/topics/${topic}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ partitions }),
  });
  if (!response.ok) throw new Error(`create: ${response.status} ${await response.text()}`);
}

async function loadUntilKilled(
  server: ServerProcess,
  ledger: Ledger,
  run: { options: TortureOptions; cycle: number; random: Random },
): Promise<void> {
  let isKilled = false;
  const work = Array.from({ length: run.options.producers }, async (_, producer) => {
    for (let round = 0; !isKilled; round++) {
      const name = `c${run.cycle}-p${producer}-${round}`;
      const count = 1 + ((producer + round) % 5);
      const records = Array.from({ length: count }, (_each, index) => ({
        text: pad(`${name}-${index}`),
      }));
      const partition = (producer + round) % run.options.partitions;
      for (const record of records) ledger.sent.add(record.text);
      try {
        await produce(server.url, ledger, { partition, records });
        if (round % 7 === 0 && !ledger.committing.has(partition)) {
          ledger.committing.add(partition);
          await commit(server.url, ledger, partition).finally(() =>
            ledger.committing.delete(partition),
          );
        }
      } catch (cause) {
        // A broken connection is the kill itself; any answer of the server is a finding.
        if (!isKilled && !(cause instanceof TypeError)) throw cause;
      }
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 20 + run.random.below(400)));
  isKilled = true;
  await server.stop("SIGKILL");
  await Promise.all(work);
}

/** Sizes vary, so that batches end anywhere in a sector. */
function pad(name: string): string {
  const digest = createHash("sha256").update(name).digest("hex");
  return `${name} ${digest.repeat(1 + (digest.charCodeAt(0) % 4))}`;
}

async function produce(
  url: string,
  ledger: Ledger,
  batch: { partition: number; records: readonly { text: string }[] },
): Promise<void> {
  const path = `${url}/v1/topics/${topic}/records?partition=${batch.partition}`;
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ records: batch.records }),
  });
  const body = (await response.json()) as { results?: { partition: number; offset: number }[] };
  if (response.status !== 200 || body.results === undefined) {
    throw new Error(`produce answered ${response.status}: ${JSON.stringify(body)}`);
  }
  body.results.forEach(({ partition, offset }, index) => {
    ledger.acknowledged[partition]?.set(offset, batch.records[index]?.text ?? "");
  });
}

async function commit(url: string, ledger: Ledger, partition: number): Promise<void> {
  const offset = Math.max(...(ledger.acknowledged[partition]?.keys() ?? [0]));
  const response = await fetch(`${url}/v1/groups/${group}/commit`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ offsets: [{ topic, partition, offset }] }),
  });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`commit answered ${response.status}`);
  ledger.commits++;
  ledger.committed[partition] = Math.max(offset, ledger.committed[partition] ?? -1);
}

interface Comparison {
  readonly problems: readonly string[];
  readonly unacknowledged: number;
}

async function compare(url: string, ledger: Ledger): Promise<Comparison> {
  const problems: string[] = [];
  let unacknowledged = 0;
  const committed = await committedOffsets(url);
  for (const [partition, acknowledged] of ledger.acknowledged.entries()) {
    const found = await readAll(url, partition);
    found.forEach((value, offset) => {
      const expected = acknowledged.get(offset);
      if (expected === undefined) unacknowledged++;
      if (expected !== undefined && expected !== value) problems.push(`offset ${offset} changed`);
      if (!ledger.sent.has(value)) problems.push(`offset ${offset} was never sent: ${value}`);
    });
    const last = Math.max(-1, ...acknowledged.keys());
    if (last >= found.length)
      problems.push(`partition ${partition} ends at ${found.length}, lost ${last}`);
    if (new Set(found).size !== found.length)
      problems.push(`partition ${partition} repeats records`);
    if ((committed.get(partition) ?? -1) < (ledger.committed[partition] ?? -1)) {
      problems.push(`partition ${partition}: committed ${committed.get(partition)} went back`);
    }
  }
  return { problems, unacknowledged };
}

async function committedOffsets(url: string): Promise<Map<number, number>> {
  const response = await fetch(`${url}/v1/groups/${group}/offsets`);
  if (response.status === 404) return new Map();
  const body = (await response.json()) as {
    offsets: { partition: number; committedOffset: number | null }[];
  };
  return new Map(body.offsets.map((each) => [each.partition, each.committedOffset ?? -1]));
}

/** All values of a partition from offset 0; a hole in the offsets is an error. */
async function readAll(url: string, partition: number): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const query = `from=${values.length}&maxRecords=10000&maxBytes=8388608&as=text`;
    const path = `${url}/v1/topics/${topic}/partitions/${partition}/records?${query}`;
    const response = await fetch(path);
    if (response.status !== 200)
      throw new Error(`read: ${response.status} ${await response.text()}`);
    const body = (await response.json()) as { records: { offset: number; text: string }[] };
    if (body.records.length === 0) return values;
    for (const record of body.records) {
      if (record.offset !== values.length)
        throw new Error(`expected ${values.length}, got ${record.offset}`);
      values.push(record.text);
    }
  }
}
