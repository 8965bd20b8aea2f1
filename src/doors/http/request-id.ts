// Names requests: the caller's `x-request-id` if it is fit to be echoed, else one of ours.

import type { IncomingHttpHeaders } from "node:http";
import type { Random } from "../../base/random.ts";

/** Gives a request its id, from its headers. */
export type RequestNaming = (request: { readonly headers: IncomingHttpHeaders }) => string;

// Visible ASCII with spaces between: anything else could break the header it is echoed in.
const echoable = /^[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?$/;

/** Makes ids of a random prefix for the process and a counter. */
export function requestNaming(random: Random): RequestNaming {
  const prefix = Buffer.from(random.bytes(6)).toString("hex");
  let count = 0;
  return ({ headers }) => {
    const given = headers["x-request-id"];
    if (typeof given === "string" && echoable.test(given)) return given;
    return `${prefix}-${(++count).toString(36)}`;
  };
}
