// A regular expression being read: where the reader is, and how to say what is wrong there.

import { LogError } from "../base/error.ts";

/** The text of a pattern with a position in it. */
export class PatternText {
  readonly #text: string;
  #at = 0;

  /** @param pattern The whole text. */
  constructor(pattern: string) {
    this.#text = pattern;
  }

  /** True at the end. */
  get isDone(): boolean {
    return this.#at >= this.#text.length;
  }

  /** True when the next characters are these; stays where it is. */
  sees(chars: string): boolean {
    return this.#text.startsWith(chars, this.#at);
  }

  /** Goes past these characters if they are the next; tells whether they were. */
  take(chars: string): boolean {
    if (!this.sees(chars)) return false;
    this.#at += chars.length;
    return true;
  }

  /** Goes past one character, a whole one also beyond 16 bits. @throws INVALID_REGULAR_EXPRESSION at the end */
  next(): string {
    const code = this.#text.codePointAt(this.#at);
    if (code === undefined) throw this.wrong("it ends too soon");
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    return char;
  }

  /** Goes past characters as long as `fits` says yes, `countMax` at most. */
  takeWhile(fits: (char: string) => boolean, countMax: number): string {
    let taken = "";
    for (let count = 0; count < countMax && !this.isDone; count++) {
      if (!fits(this.#text.charAt(this.#at))) break;
      taken += this.next();
    }
    return taken;
  }

  /** What comes before these characters, and goes past them; all that is left when they do not come. */
  upTo(chars: string): string {
    let before = "";
    while (!this.isDone && !this.take(chars)) before += this.next();
    return before;
  }

  /** Runs `read`, and goes back to where it began if that gives null. */
  attempt<Read>(read: () => Read | null): Read | null {
    const start = this.#at;
    const result = read();
    if (result === null) this.#at = start;
    return result;
  }

  /** The error for what stands here. */
  wrong(what: string): LogError {
    const detail = `the regular expression cannot be read at character ${this.#at + 1}: ${what}`;
    return new LogError("INVALID_REGULAR_EXPRESSION", detail);
  }
}
