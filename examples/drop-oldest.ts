// A slow consumer that only cares for the newest: beyond five messages the queue drops the oldest, looking after that
// twice a second.
//
//   npm run build && node dist/examples/drop-oldest.js http://127.0.0.1:8082

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../src/client/client.ts";
import { type Say, startExample } from "./start.ts";

/** What came of it. */
export interface DropOldestFacts {
  readonly sent: number;
  /** Numbers of the readings that were shown, in order. */
  readonly shown: readonly number[];
  readonly dropped: number;
}

/** The bound of the queue. */
export const depthMax = 5;

/** Sends readings faster than a display can show them. */
export async function dropOldest(
  url: string,
  say: Say = () => undefined,
): Promise<DropOldestFacts> {
  const client = createClient({ url });
  const queue = `readings-${randomUUID()}`;
  try {
    await client.queues.put(queue, { maxDepth: depthMax, overflow: "drop-oldest" });

    const shown: number[] = [];
    const display = client.worker({
      queue,
      handler: async (message) => {
        await sleep(60);
        shown.push(Number(Buffer.from(message.value ?? "").toString()));
        say(`shown: reading ${shown.at(-1)}`);
      },
    });
    display.start();

    const sent = 40;
    const readings = Array.from({ length: sent }, (_, index) => ({ value: String(index + 1) }));
    await client.queues.send(queue, readings);
    say(`sent ${sent} readings`);
    while ((await client.queues.describe(queue)).depth > 0) await sleep(20);
    await display.stop();

    const { dropped } = await client.queues.describe(queue);
    say(`${shown.length} were shown, ${dropped} dropped; the last one shown is ${shown.at(-1)}`);
    return { sent, shown, dropped };
  } finally {
    await client.queues.delete(queue).catch(() => undefined);
    await client.topics.delete(queue).catch(() => undefined);
    await client.topics.delete(`${queue}.dead`).catch(() => undefined);
    await client.close();
  }
}

await startExample(import.meta.filename, dropOldest);
