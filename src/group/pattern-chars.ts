// Sets of characters in patterns for topic names: ASCII is all that a topic name can hold.

/** For each ASCII character 1 when it is in the set, else 0. */
export type CharSet = Uint8Array;

const size = 128;

/** The ASCII characters that `has` says yes to. */
export function charSet(has: (char: string) => boolean): CharSet {
  return Uint8Array.from({ length: size }, (_, code) => (has(String.fromCharCode(code)) ? 1 : 0));
}

/** The characters from one code point to another, both included; those beyond ASCII are left out. */
export function charRange(first: number, last: number): CharSet {
  return charSet((char) => char.charCodeAt(0) >= first && char.charCodeAt(0) <= last);
}

/** Every other character. */
export function negated(set: CharSet): CharSet {
  return set.map((bit) => 1 - bit);
}

/** What is in any of the sets. */
export function unionOf(sets: readonly CharSet[]): CharSet {
  return charSet((char) => sets.some((set) => set[char.charCodeAt(0)] === 1));
}

/** The set with each letter in both cases. */
export function caseless(set: CharSet): CharSet {
  return charSet((char) => {
    return [char.toLowerCase(), char.toUpperCase()].some((one) => set[one.charCodeAt(0)] === 1);
  });
}

/** What a name like `d` of `\d` stands for; a capital is the opposite. Null: no such name. */
export function perlClass(name: string): CharSet | null {
  const rule = perlClasses.get(name.toLowerCase());
  if (rule === undefined) return null;
  const set = charSet((char) => rule.test(char));
  return name === name.toLowerCase() ? set : negated(set);
}

const perlClasses = new Map([
  ["d", /[0-9]/],
  ["w", /[0-9A-Za-z_]/],
  ["s", /[\t\n\f\r ]/],
]);

/** What a name like `alpha` of `[[:alpha:]]` stands for; null: no such name. */
export function posixClass(name: string): CharSet | null {
  const rule = posixClasses.get(name);
  return rule === undefined ? null : charSet((char) => rule.test(char));
}

const posixClasses = new Map([
  ["alnum", /[0-9A-Za-z]/],
  ["alpha", /[A-Za-z]/],
  ["ascii", /[^]/],
  ["blank", /[\t ]/],
  ["cntrl", /\p{Cc}/u],
  ["digit", /[0-9]/],
  ["graph", /[!-~]/],
  ["lower", /[a-z]/],
  ["print", /[ -~]/],
  ["punct", /[!-/:-@[-`{-~]/],
  ["space", /[\t\n\v\f\r ]/],
  ["upper", /[A-Z]/],
  ["word", /[0-9A-Za-z_]/],
  ["xdigit", /[0-9A-Fa-f]/],
]);

/** What a Unicode category or script, like `L` of `\pL`, stands for; null: no such name. */
export function unicodeClass(name: string): CharSet | null {
  if (!/^[A-Za-z_]+$/.test(name)) return null;
  if (name === "Any") return charSet(() => true);
  for (const property of [`General_Category=${name}`, `Script=${name}`]) {
    try {
      const rule = new RegExp(`\\p{${property}}`, "u");
      return charSet((char) => rule.test(char));
    } catch {
      // Not a name of this kind.
    }
  }
  return null;
}
