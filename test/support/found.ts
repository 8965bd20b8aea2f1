// What a test needs of the machine it runs on.

/** A toolchain, or the reason there is none. */
export type Found<T> = { readonly tool: T } | { readonly missing: string };
