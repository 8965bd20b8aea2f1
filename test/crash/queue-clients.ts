// Clients of a torture that fill a queue and work on it; some of them die while they hold messages.

import { type Ledger, type MessageFacts, valueOf } from "./ledger.ts";
import { type Client, leaseMs, type LoadContext, sleep } from "./load.ts";
import { callHttp } from "./server-calls.ts";

/** A message as it is received. */
export interface ReceivedMessage {
  readonly receipt: string;
  readonly deliveries: number;
  readonly text: string;
}

/** Sends messages; what got no answer is not sent again. */
export function sender(name: string): Client {
  return async (context) => {
    const { era, ledger, random } = context;
    const messages = ledger.queueOf(era.queue);
    for (let round = 0; !context.isStopped; round++) {
      await context.pause(40);
      const texts = Array.from({ length: 1 + random.below(5) }, (_, index) =>
        valueOf(`${name}-${round}-${index}`),
      );
      ledger.sending(era.queue, texts);
      for (const value of texts) messages.set(value, messageOf(value));
      const records = texts.map((text) => ({ text }));
      const answer = await context.http(`POST /v1/queues/${era.queue}/messages`, { records });
      if (answer === null) continue;
      const at = ledger.next();
      for (const text of texts) (messages.get(text) as MessageFacts).sentAt = at;
    }
  };
}

function messageOf(value: string): MessageFacts {
  return {
    value,
    sentAt: Infinity,
    settlingAt: Infinity,
    settledAt: Infinity,
    settledAs: null,
    deliveries: 0,
    heldUntilMs: 0,
  };
}

/** Receives and settles. */
export const worker: Client = async (context) => {
  const { era, random } = context;
  while (!context.isStopped) {
    await context.pause(20);
    const askedAtMs = performance.now();
    const body = { max: 1 + random.below(10), waitMs: 200 };
    const answer = await context.http(`POST /v1/queues/${era.queue}/receive`, body);
    if (answer === null) continue;
    const { messages } = answer as { readonly messages: readonly ReceivedMessage[] };
    for (const message of messages) {
      noteDelivery(context.ledger, era.queue, { ...message, askedAtMs });
    }
    // One that dies; another takes its place.
    if (messages.length === 0 || random.below(30) === 0) continue;
    await settle(context, messages);
  }
};

/** Holds a delivery to the ledger, and writes it down. */
export function noteDelivery(
  ledger: Ledger,
  queue: string,
  seen: ReceivedMessage & { readonly askedAtMs: number },
): void {
  const facts = ledger.queueOf(queue).get(seen.text);
  if (facts === undefined) {
    ledger.problem(`${queue}: '${seen.text}' was never sent`);
    return;
  }
  const isSettled = facts.settledAt < Infinity && seen.deliveries > facts.deliveries;
  if (isSettled) ledger.problem(`${queue}: '${seen.text}' came after it was settled`);
  // The clock of the lease may differ a little from this one.
  if (performance.now() + 50 < facts.heldUntilMs && seen.deliveries > facts.deliveries) {
    ledger.problem(`${queue}: '${seen.text}' was leased to two at once`);
  }
  if (seen.deliveries < facts.deliveries && performance.now() - seen.askedAtMs < leaseMs) {
    ledger.problem(`${queue}: '${seen.text}' came as ${seen.deliveries} again`);
  }
  facts.deliveries = Math.max(facts.deliveries, seen.deliveries);
  // The lease began after it was asked for, and no earlier.
  facts.heldUntilMs = seen.askedAtMs + leaseMs;
}

async function settle(context: LoadContext, messages: readonly ReceivedMessage[]): Promise<void> {
  const { ledger, era, random } = context;
  const facts = ledger.queueOf(era.queue);
  const ack: string[] = [];
  const nack: { receipt: string; delayMs: number }[] = [];
  const reject: { receipt: string; reason: string }[] = [];
  const settling = new Map<string, { message: ReceivedMessage; as: "ack" | "reject" }>();
  for (const message of messages) {
    const { receipt, text } = message;
    const found = facts.get(text);
    const dice = random.below(100);
    if (found !== undefined) found.heldUntilMs = 0;
    if (dice < 8) {
      nack.push({ receipt, delayMs: random.below(3) * 50 });
      continue;
    }
    const isReject = dice < 10;
    if (isReject) reject.push({ receipt, reason: "torture" });
    else ack.push(receipt);
    settling.set(receipt, { message, as: isReject ? "reject" : "ack" });
    if (found !== undefined) found.settlingAt = Math.min(found.settlingAt, ledger.next());
  }
  const body = { ack, nack, reject };
  const answer = await context.http(`POST /v1/queues/${era.queue}/settle`, body);
  if (answer === null) return;
  const { results } = answer as { results: readonly { receipt: string; ok: boolean }[] };
  const at = ledger.next();
  for (const { receipt, ok } of results) {
    const settled = settling.get(receipt);
    const found = facts.get(settled?.message.text ?? "");
    if (!ok || settled === undefined || found === undefined) continue;
    if (found.settledAt < Infinity) {
      ledger.problem(`${era.queue}: '${found.value}' was settled twice`);
    }
    found.settledAt = at;
    found.settledAs = settled.as;
    ledger.counts.settled++;
  }
}

/**
 * Takes everything out of a queue; answers the values that came, and those of its dead letters.
 *
 * @throws Error when it does not run empty within a minute.
 */
export async function drainQueue(
  url: string,
  queue: string,
): Promise<{ readonly came: ReadonlySet<string>; readonly dead: readonly string[] }> {
  const came = new Set<string>();
  const path = `/v1/queues/${queue}`;
  for (const deadline = performance.now() + 60_000; ; ) {
    const received = await callHttp(url, `POST ${path}/receive`, { max: 500, waitMs: 200 });
    const { messages } = received as { readonly messages: readonly ReceivedMessage[] };
    for (const { text } of messages) came.add(text);
    const ack = messages.map(({ receipt }) => receipt);
    if (ack.length > 0) await callHttp(url, `POST ${path}/settle`, { ack, nack: [], reject: [] });
    const { depth } = (await callHttp(url, `GET ${path}`)) as { readonly depth: number };
    if (depth === 0) break;
    if (performance.now() > deadline) throw new Error(`${queue}: ${depth} messages do not come`);
    if (messages.length === 0) await sleep(50);
  }
  return { came, dead: await deadLetters(url, queue) };
}

async function deadLetters(url: string, queue: string): Promise<readonly string[]> {
  const values: string[] = [];
  for (let from = "earliest"; ; ) {
    const query = `from=${encodeURIComponent(from)}&maxRecords=1000`;
    const body = await callHttp(url, `GET /v1/queues/${queue}/dead?${query}`);
    const page = body as { messages: readonly { text: string }[]; next: string };
    if (page.messages.length === 0) return values;
    values.push(...page.messages.map(({ text }) => text));
    from = page.next;
  }
}
