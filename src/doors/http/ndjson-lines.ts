// Lines of NDJSON as bytes: what ends them, and which of them say nothing.

const newline = 0x0a;
const carriageReturn = 0x0d;

/** A line without the carriage return that some end it with; null when it is blank. */
export function lineText(line: Buffer): Buffer | null {
  const text = line.at(-1) === carriageReturn ? line.subarray(0, -1) : line;
  for (const byte of text) if (byte !== 0x20 && byte !== 0x09) return text;
  return null;
}

/** The lines of a whole body that say something. */
export function* linesOf(body: Buffer): Generator<Buffer, undefined> {
  for (let start = 0; start < body.length; ) {
    const found = body.indexOf(newline, start);
    const end = found < 0 ? body.length : found;
    const text = lineText(body.subarray(start, end));
    if (text !== null) yield text;
    start = end + 1;
  }
}
