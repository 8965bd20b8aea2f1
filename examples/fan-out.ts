// Fan-out: one topic, two groups of subscribers. Each group gets every record and keeps its own place.
//
//   npm run build && node dist/examples/fan-out.js http://127.0.0.1:8082

import { randomUUID } from "node:crypto";
import { createClient } from "../src/client/client.ts";
import { type Say, startExample } from "./start.ts";

/** What came of it: the values that each group has read. */
export interface FanOutFacts {
  readonly published: readonly string[];
  readonly readBy: Readonly<Record<string, readonly string[]>>;
}

/** Publishes prices, and reads them as a dashboard and as an archive. */
export async function fanOut(url: string, say: Say = () => undefined): Promise<FanOutFacts> {
  const client = createClient({ url });
  const run = randomUUID();
  const topic = `prices-${run}`;
  const groups = ["dashboard", "archive"] as const;
  try {
    await client.topics.create(topic, { partitions: 2 });

    const published = Array.from({ length: 12 }, (_, index) => `price ${100 + index}`);
    await client.produce({ topic, records: published.map((value) => ({ value, key: value })) });
    say(`published ${published.length} prices to ${topic}`);

    const read = async (name: string): Promise<readonly string[]> => {
      const values: string[] = [];
      const consumer = client.consumer({ group: `${name}-${run}`, topics: [topic] });
      for await (const record of consumer) {
        values.push(Buffer.from(record.value ?? "").toString());
        if (values.length < published.length) continue;
        // The record at which the loop is left counts as read, too.
        await consumer.commit();
        break;
      }
      say(`the ${name} has read ${values.length}`);
      return values;
    };
    const [dashboard, archive] = await Promise.all([read("dashboard"), read("archive")]);
    return { published, readBy: { dashboard, archive } };
  } finally {
    for (const name of groups) await client.groups.delete(`${name}-${run}`).catch(() => undefined);
    await client.topics.delete(topic).catch(() => undefined);
    await client.close();
  }
}

await startExample(import.meta.filename, fanOut);
