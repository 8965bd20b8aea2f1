// Workers sharing one queue: each message is handled by one of them, whoever is free.
//
//   npm run build && node dist/examples/shared-queue.js http://127.0.0.1:8082

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "../src/client/client.ts";
import { type Say, startExample } from "./start.ts";

/** What came of it: for each worker the pictures it handled. */
export interface SharedQueueFacts {
  readonly sent: readonly string[];
  readonly handledBy: Readonly<Record<string, readonly string[]>>;
  /** Messages left in the queue. */
  readonly depth: number;
}

/** Sends pictures to a queue and lets three workers make thumbnails of them. */
export async function sharedQueue(
  url: string,
  say: Say = () => undefined,
): Promise<SharedQueueFacts> {
  const client = createClient({ url });
  const queue = `thumbnails-${randomUUID()}`;
  try {
    await client.queues.put(queue, { leaseMs: 30_000, maxDeliveries: 5 });

    const sent = Array.from({ length: 30 }, (_, index) => `picture-${index + 1}.png`);
    await client.queues.send(
      queue,
      sent.map((value) => ({ value })),
    );
    say(`sent ${sent.length} pictures to ${queue}`);

    const handledBy: Record<string, string[]> = { ann: [], ben: [], cleo: [] };
    const workers = Object.entries(handledBy).map(([name, handled]) =>
      client.worker({
        queue,
        concurrency: 2,
        handler: async (message) => {
          const picture = Buffer.from(message.value ?? "").toString();
          await sleep(5);
          handled.push(picture);
          say(`${name} made a thumbnail of ${picture}`);
        },
      }),
    );
    for (const worker of workers) worker.start();
    while ((await client.queues.describe(queue)).depth > 0) await sleep(20);
    await Promise.all(workers.map((worker) => worker.stop()));

    const { depth } = await client.queues.describe(queue);
    say(
      `the queue is empty; ${workers.map(({ counts }) => counts.acked).join(" + ")} were handled`,
    );
    return { sent, handledBy, depth };
  } finally {
    await client.queues.delete(queue).catch(() => undefined);
    await client.topics.delete(queue).catch(() => undefined);
    await client.topics.delete(`${queue}.dead`).catch(() => undefined);
    await client.close();
  }
}

await startExample(import.meta.filename, sharedQueue);
