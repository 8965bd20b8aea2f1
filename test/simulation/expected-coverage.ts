// What a long run of the simulation must come past. What is missing here in the end was never tried.

/** Names as `Coverage` counts them. */
export const expectedCoverage: readonly string[] = [];
