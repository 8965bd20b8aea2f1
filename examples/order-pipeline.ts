// A shop that answers at once: payment, inventory, mail and analytics each work through `order.created` in their own
// time, four queues on one topic. Mail fails now and then and is tried again; what fails for good becomes a dead
// letter, and is put back once the cause is mended.
//
//   npm run build && node dist/examples/order-pipeline.js http://127.0.0.1:8082

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type QueueMessage, type VarveClient } from "../src/client/client.ts";
import { type Say, startExample } from "./start.ts";

interface Order {
  readonly id: number;
  readonly email: string;
}

/** What came of it. */
export interface OrderPipelineFacts {
  readonly orders: number;
  /** For each service the orders it has dealt with, in order of their numbers. */
  readonly done: Readonly<Record<string, readonly number[]>>;
  /** How often mail was tried for each order. */
  readonly mailAttempts: Readonly<Record<number, number>>;
  /** Dead letters of mail before they were put back: the order and the last reason. */
  readonly dead: readonly { readonly order: number; readonly reason: string | null }[];
  readonly redriven: number;
  /** Dead letters left at the end. */
  readonly deadAfter: number;
}

const services = ["payment", "inventory", "mail", "analytics"] as const;

/** Places orders, lets the services work, mends mail and puts its dead letters back. */
export async function orderPipeline(
  url: string,
  say: Say = () => undefined,
): Promise<OrderPipelineFacts> {
  const client = createClient({ url });
  const run = randomUUID();
  const topic = `order.created-${run}`;
  const queueOf = (service: string): string => `${service}-${run}`;
  try {
    await client.topics.create(topic, { partitions: 3 });
    for (const service of services) {
      await client.queues.put(queueOf(service), {
        topic,
        maxDeliveries: 3,
        backoff: { type: "exponential", baseMs: 20, maxMs: 200 },
      });
    }

    const mail = new MailService();
    const done: Record<string, Set<number>> = {};
    const workers = services.map((service) => {
      const finished = new Set<number>();
      done[service] = finished;
      return client.worker({
        queue: queueOf(service),
        concurrency: 4,
        handler: async (message) => {
          const order = orderIn(message);
          // A delivery is at least once.
          if (finished.has(order.id)) return;
          if (service === "mail") mail.send(order);
          else await sleep(2);
          finished.add(order.id);
          say(`${service}: order ${order.id} done at delivery ${message.deliveries}`);
        },
        onFailure: ({ stage, error, message }) => {
          if (stage !== "handler" || message === null) return;
          say(`${service}: order ${orderIn(message).id}: ${(error as Error).message}`);
        },
      });
    });
    for (const worker of workers) worker.start();

    // The shop: once the order is on the disk the customer has an answer, whatever the services are doing.
    const orders = 9;
    for (let id = 1; id <= orders; id++)
      await placeOrder(client, topic, { id, email: emailOf(id) });
    say(`the shop has answered ${orders} customers`);

    const mailQueue = queueOf("mail");
    for (const service of services) await emptied(client, queueOf(service));
    const { messages } = await client.queues.dead(mailQueue);
    const dead = messages.map((letter) => ({ order: orderIn(letter).id, reason: letter.reason }));
    for (const { order, reason } of dead) say(`dead letter: order ${order}: ${reason}`);

    mail.knowsUnicode = true;
    const redriven = await client.queues.redrive(mailQueue);
    say(`mail is mended; ${redriven} put back`);
    for (const service of services) await emptied(client, queueOf(service));
    await Promise.all(workers.map((worker) => worker.stop()));

    const deadAfter = (await client.queues.describe(mailQueue)).dead;
    const sorted = Object.entries(done).map(([service, finished]) => {
      return [service, [...finished].sort((a, b) => a - b)] as const;
    });
    return {
      orders,
      done: Object.fromEntries(sorted),
      mailAttempts: mail.attempts,
      dead,
      redriven,
      deadAfter,
    };
  } finally {
    for (const service of services) {
      await client.queues.delete(queueOf(service)).catch(() => undefined);
      await client.topics.delete(`${queueOf(service)}.dead`).catch(() => undefined);
    }
    await client.topics.delete(topic).catch(() => undefined);
    await client.close();
  }
}

/** Fails for every third order at the first attempt, and for one address until it is mended. */
class MailService {
  readonly attempts: Record<number, number> = {};
  knowsUnicode = false;

  send({ id, email }: Order): void {
    const attempt = (this.attempts[id] ?? 0) + 1;
    this.attempts[id] = attempt;
    if (id % 3 === 0 && attempt === 1) throw new Error("the mail server is busy");
    if (!this.knowsUnicode && /[^\0-\x7f]/.test(email)) throw new Error(`cannot send to ${email}`);
  }
}

async function placeOrder(client: VarveClient, topic: string, order: Order): Promise<void> {
  await client.produce({
    topic,
    records: [{ key: String(order.id), value: JSON.stringify(order) }],
  });
}

function emailOf(id: number): string {
  return id === 5 ? "zoë@example.com" : `customer${id}@example.com`;
}

function orderIn({ value }: Pick<QueueMessage, "value">): Order {
  return JSON.parse(Buffer.from(value ?? "").toString()) as Order;
}

async function emptied(client: VarveClient, queue: string): Promise<void> {
  while ((await client.queues.describe(queue)).depth > 0) await sleep(20);
}

await startExample(import.meta.filename, orderPipeline);
