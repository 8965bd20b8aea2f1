// How fast does the engine append without HTTP, beside bare writev + fdatasync of the same batches in the same run?

import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Engine, openEngine } from "../src/engine.ts";
import { BatchBuilder } from "../src/record/batch-builder.ts";
import { alternate, type Figure, figureOf } from "./harness.ts";
import { type Effort, temporaryDirectory, value100 } from "./workbench.ts";

const inFlight = 16;
const recordsPerBatch = 100;

/** Runs the engine case when `only` names it. */
export async function engineFigures(effort: Effort, only: string): Promise<readonly Figure[]> {
  if (!"engine-append".includes(only)) return [];
  const directory = temporaryDirectory();
  const engine = await openEngine({ path: join(directory, "data") });
  const file = await open(join(directory, "bare.log"), "w");
  try {
    await engine.services.topics.create({
      name: "append",
      partitionCount: 1,
      configs: {},
      validateOnly: false,
    });
    const batches = Math.max(50, Math.floor(5000 * effort.scale));
    const found = await alternate(
      effort.rounds,
      () => bareRate(file, batches),
      () => engineRate(engine, batches),
    );
    const about = {
      name: "engine-append",
      question: `batches of ${recordsPerBatch} records of 100 B, ${inFlight} in flight, acks=all, no HTTP`,
      unit: "records/s",
      budget: null,
    };
    return [figureOf(about, found.subject, found.baseline)];
  } finally {
    await engine.close();
    await file.close();
    await rm(directory, { recursive: true, force: true });
  }
}

function batchOf100(): Uint8Array {
  const builder = new BatchBuilder();
  const value = Buffer.from(value100);
  for (let index = 0; index < recordsPerBatch; index++) {
    builder.append({ timestampMs: Date.now(), key: null, value, headers: [] });
  }
  return builder.build();
}

/** The engine: `inFlight` producers, each waiting for its answer. */
async function engineRate(engine: Engine, batches: number): Promise<number> {
  let left = batches;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left-- > 0) {
        const part = {
          topic: "append",
          partition: 0,
          batches: [batchOf100()],
          expectedEndOffset: null,
        };
        const [result] = await engine.services.data.produce({ acks: -1, partitions: [part] });
        if (result?.error !== null) throw new Error(`append: ${result?.detail}`);
      }
    }),
  );
  return (batches * recordsPerBatch * 1000) / (performance.now() - startedAt);
}

/** The least any log must do: the same batches, 16 at a time, written and synced. */
async function bareRate(file: FileHandle, batches: number): Promise<number> {
  const startedAt = performance.now();
  let position = 0;
  for (let sent = 0; sent < batches; sent += inFlight) {
    const group = Array.from({ length: inFlight }, batchOf100);
    const { bytesWritten } = await file.writev(group, position);
    position += bytesWritten;
    await file.datasync();
  }
  return (batches * recordsPerBatch * 1000) / (performance.now() - startedAt);
}
