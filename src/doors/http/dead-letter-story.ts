// What the headers of a dead letter tell of it: where it came from, how often it was delivered, why it died, and when.

import { deadLetterHeaders } from "../../services.ts";

const ours: ReadonlySet<string> = new Set(Object.values(deadLetterHeaders));

/** The story of one dead letter after the other. What a header does not tell is null. */
export class DeadLetterStory {
  /** How many fields it is shown in. */
  readonly fieldCount = 4;
  readonly #told = new Map<string, string>();

  /** Forgets the letter before. */
  reset(): void {
    this.#told.clear();
  }

  /** Takes a header; false when it is none of those that tell the story. */
  takes(name: string, text: string): boolean {
    if (!ours.has(name)) return false;
    this.#told.set(name, text);
    return true;
  }

  /** The fields, in order. */
  fields(): readonly (readonly [string, unknown])[] {
    const told = this.#told;
    const original = {
      topic: told.get(deadLetterHeaders.topic) ?? null,
      partition: this.#number(deadLetterHeaders.partition),
      offset: this.#number(deadLetterHeaders.offset),
    };
    return [
      ["original", original],
      ["deliveries", this.#number(deadLetterHeaders.deliveries)],
      ["reason", told.get(deadLetterHeaders.reason) ?? null],
      ["deadAtMs", this.#number(deadLetterHeaders.at)],
    ];
  }

  /** The fields as they follow others in a JSON object. */
  jsonFields(): string {
    return this.fields()
      .map(([name, value]) => `,"${name}":${JSON.stringify(value)}`)
      .join("");
  }

  #number(name: string): number | null {
    const text = this.#told.get(name) ?? "";
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return Number.isSafeInteger(value) ? value : null;
  }
}
