// Media types: what a request's body is, and which encoding its reply takes (RFC 9110, sections 8.3 and 12.5.1).

import { LogError } from "../../base/error.ts";

/** Names of the encodings, each with every media type that means it; the first is the one we prefer. */
export const mediaTypes = {
  json: ["application/json"],
  msgpack: ["application/msgpack", "application/x-msgpack", "application/vnd.msgpack"],
  ndjson: ["application/x-ndjson"],
  sse: ["text/event-stream"],
  batches: ["application/vnd.varve.batches"],
} as const;

/** An encoding by name. */
export type Encoding = keyof typeof mediaTypes;

/** A chosen encoding with the media type to answer under. */
export interface Negotiated {
  readonly encoding: Encoding;
  readonly mediaType: string;
}

const encodingByType = new Map<string, Encoding>(
  (Object.keys(mediaTypes) as Encoding[]).flatMap((encoding) =>
    mediaTypes[encoding].map((type) => [type, encoding] as const),
  ),
);

/** The type and subtype of a Content-Type, in lower case, without parameters; empty when there is none. */
export function bareMediaType(contentType: string | undefined): string {
  if (contentType === undefined || contentType === "application/json") return contentType ?? "";
  const cut = contentType.indexOf(";");
  return (cut < 0 ? contentType : contentType.slice(0, cut)).trim().toLowerCase();
}

/** The encoding a Content-Type names; null when it is none of ours. */
export function bodyEncoding(contentType: string | undefined): Encoding | null {
  return encodingByType.get(bareMediaType(contentType)) ?? null;
}

/**
 * The encoding of the reply: the offered one that Accept likes best; the order of `offered` decides between equals.
 *
 * @throws NOT_ACCEPTABLE when Accept allows none.
 */
export function negotiate(accept: string | undefined, offered: readonly Encoding[]): Negotiated {
  const first = offered[0] ?? "json";
  if (accept === undefined || accept === "*/*" || accept === "") {
    return { encoding: first, mediaType: mediaTypes[first][0] };
  }
  const ranges = parseAccept(accept);
  let best: Negotiated | null = null;
  let bestQuality = 0;
  for (const encoding of offered) {
    for (const mediaType of mediaTypes[encoding]) {
      const quality = qualityOf(mediaType, ranges);
      if (quality <= bestQuality) continue;
      best = { encoding, mediaType };
      bestQuality = quality;
    }
  }
  if (best !== null) return best;
  const names = offered.map((encoding) => mediaTypes[encoding][0]).join(", ");
  throw new LogError("NOT_ACCEPTABLE", `this endpoint answers in ${names}`);
}

interface AcceptRange {
  readonly type: string;
  readonly quality: number;
}

function parseAccept(accept: string): readonly AcceptRange[] {
  return accept.split(",").map((part) => {
    const [type, ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    const quality = weight === undefined ? 1 : Number(weight.slice(2));
    return { type: type ?? "", quality: quality >= 0 && quality <= 1 ? quality : 0 };
  });
}

// The most specific range decides, whatever its weight: `text/*;q=0, text/plain` allows text/plain.
function qualityOf(mediaType: string, ranges: readonly AcceptRange[]): number {
  const family = `${mediaType.slice(0, mediaType.indexOf("/"))}/*`;
  for (const wanted of [mediaType, family, "*/*"]) {
    const range = ranges.find(({ type }) => type === wanted);
    if (range !== undefined) return range.quality;
  }
  return 0;
}
