// How rules tell what they found.

/** Tells of a broken promise: the rule as a sentence, and what broke it. */
export type Report = (rule: string, detail: string) => void;
