// Receipts: which delivery of which record, as one short text: partition, offset, deliveries and epoch in base 36 with
// dashes between.

import type { Receipt } from "../../services.ts";

const base = 36;
const form = /^([0-9a-z]{1,11})-([0-9a-z]{1,11})-([0-9a-z]{1,11})-([0-9a-z]{1,11})$/;

/** What stands before the offset in the receipts of a partition. */
export function receiptHead(partition: number): string {
  return `${partition.toString(base)}-`;
}

/** What stands after the offset in the receipts of one delivery. */
export function receiptTail({ deliveries, epoch }: Pick<Receipt, "deliveries" | "epoch">): string {
  return `-${deliveries.toString(base)}-${epoch.toString(base)}`;
}

/** The offset as it stands in a receipt. */
export function receiptOffset(offset: number): string {
  return offset.toString(base);
}

/** Reads a receipt; null when it cannot be one. */
export function parseReceipt(text: string): Receipt | null {
  const match = form.exec(text);
  if (match === null) return null;
  const [partition = -1, offset = -1, deliveries = -1, epoch = -1] = match
    .slice(1)
    .map((digits) => Number.parseInt(digits, base));
  const numbers = [partition, offset, deliveries, epoch];
  return numbers.every(Number.isSafeInteger) ? { partition, offset, deliveries, epoch } : null;
}
