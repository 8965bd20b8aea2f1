// `varve dump`: shows what segment and index files hold, batch by batch or record by record.

import { isUtf8 } from "node:buffer";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Command } from "commander";
import { LogError } from "../../base/error.ts";
import { prepareCompression } from "../../record/compression.ts";
import { RecordCursor } from "../../record/record-cursor.ts";
import { addExamples, addJsonOption, type CliContext } from "../context.ts";
import { CliError, exitCode } from "../exit.ts";
import { IndexFile } from "../index-file.ts";
import { readProducerSnapshot, readTransactionIndex } from "../producer-files.ts";
import { SegmentReader, type StoredBatch } from "../segment-reader.ts";

interface DumpOptions {
  readonly records: boolean;
  readonly json: boolean;
}

const filePattern = /^(\d{20})\.(log|index|timeindex|txnindex|snapshot)$/;

/** Adds the command. */
export function registerDump(program: Command, context: CliContext): void {
  const command = program
    .command("dump")
    .argument(
      "<paths...>",
      "files (.log, .index, .timeindex, .txnindex, .snapshot) or directories of them",
    )
    .description("show batches, records and index entries of files, without a server")
    .option("--records", "show every record, not only the batches", false)
    .action((paths: readonly string[], options: DumpOptions) => dump(paths, options, context));
  addJsonOption(command);
  addExamples(
    command,
    "varve dump ./segments/orders-0",
    "varve dump ./segments/orders-0/00000000000000000000.log --records",
  ).addHelpText("after", "\nWith --json every line is one JSON object. Reads only.");
}

async function dump(
  paths: readonly string[],
  options: DumpOptions,
  context: CliContext,
): Promise<void> {
  await prepareCompression();
  for (const file of await filesOf(paths)) {
    const [, base = "0", kind = "log"] = filePattern.exec(basename(file)) ?? [];
    const print = new DumpPrinter(file, options, context);
    if (kind === "log") await print.segment();
    else if (kind === "snapshot") await print.snapshot();
    else if (kind === "txnindex") await print.transactions(Number(base));
    else await print.index(Number(base), kind);
  }
}

async function filesOf(paths: readonly string[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (!(await stat(path)).isDirectory()) {
      if (!filePattern.test(basename(path))) throw notDumpable(path, "file");
      files.push(path);
      continue;
    }
    const names = (await readdir(path)).filter((name) => filePattern.test(name)).sort();
    if (names.length === 0) throw notDumpable(path, "directory");
    files.push(...names.map((name) => join(path, name)));
  }
  return files;
}

function notDumpable(path: string, kind: "file" | "directory"): CliError {
  const what =
    kind === "file"
      ? "is no .log, .index, .timeindex, .txnindex or .snapshot file"
      : "holds no segment; name a partition";
  return new CliError(exitCode.failed, `varve: ${path} ${what}`);
}

class DumpPrinter {
  readonly #file: string;
  readonly #options: DumpOptions;
  readonly #context: CliContext;
  readonly #cursor = new RecordCursor();

  constructor(file: string, options: DumpOptions, context: CliContext) {
    this.#file = file;
    this.#options = options;
    this.#context = context;
  }

  async segment(): Promise<void> {
    const reader = await SegmentReader.open(this.#file);
    try {
      await this.#title(`${reader.fileBytes} bytes`);
      for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
        const text = this.#batchLine(batch) + (this.#options.records ? this.#records(batch) : "");
        await this.#context.out.write(text);
        if (!batch.isCrcGood) this.#context.exitCode = exitCode.damage;
      }
      const end = reader.end;
      if (end === null || end.kind === "end") return;
      const { position, leftBytes, detail } = end;
      const line = this.#line({ kind: end.kind, position, leftBytes, detail });
      await this.#context.out.write(line);
      this.#context.exitCode = exitCode.damage;
    } finally {
      await reader.close();
    }
  }

  async index(baseOffset: number, kind: string): Promise<void> {
    const isTime = kind === "timeindex";
    const index = isTime
      ? await IndexFile.openTimes(this.#file, baseOffset)
      : await IndexFile.openOffsets(this.#file, baseOffset);
    await this.#title(`${index.count} entries`);
    for (let entry = 0; entry < index.count; entry++) {
      const fields = isTime ? index.timeEntry(entry) : index.offsetEntry(entry);
      await this.#context.out.write(this.#line({ kind: "entry", ...fields }));
    }
  }

  async transactions(baseOffset: number): Promise<void> {
    const spans = await readTransactionIndex(this.#file, baseOffset);
    await this.#title(`${spans.length} entries`);
    for (const span of spans)
      await this.#context.out.write(this.#line({ kind: "aborted", ...span }));
  }

  async snapshot(): Promise<void> {
    const entries = await readProducerSnapshot(this.#file);
    await this.#title(`${entries.length} producers`);
    for (const entry of entries) {
      const last = entry.batches.at(-1);
      const line = this.#line({
        kind: "producer",
        producerId: entry.producerId,
        producerEpoch: entry.producerEpoch,
        coordinatorEpoch: entry.coordinatorEpoch,
        lastTimestampMs: entry.lastTimestampMs,
        currentTransactionStart: entry.currentTransactionStart,
        firstSequence: last?.firstSequence ?? -1,
        lastSequence: last?.lastSequence ?? -1,
        lastOffset: last?.lastOffset ?? -1,
      });
      await this.#context.out.write(line);
    }
  }

  async #title(facts: string): Promise<void> {
    if (!this.#options.json) await this.#context.out.line(`${this.#file} (${facts})`);
  }

  #batchLine(batch: StoredBatch): string {
    return this.#line({
      kind: "batch",
      position: batch.position,
      bytes: batch.sizeBytes,
      baseOffset: batch.baseOffset,
      lastOffset: batch.lastOffset,
      records: batch.recordCount,
      codec: batch.codec,
      minTimestamp: batch.baseTimestampMs,
      maxTimestamp: batch.maxTimestampMs,
      timestampType: batch.isAppendTime ? "append" : "create",
      producerId: batch.producerId,
      producerEpoch: batch.producerEpoch,
      baseSequence: batch.baseSequence,
      leaderEpoch: batch.leaderEpoch,
      control: batch.isControl,
      transactional: batch.isTransactional,
      crc: batch.isCrcGood ? "ok" : "BAD",
    });
  }

  #records(batch: StoredBatch): string {
    const cursor = this.#cursor;
    const lines: string[] = [];
    try {
      cursor.reset(batch.bytes);
      while (cursor.next()) lines.push(this.#line(recordFields(cursor), "  "));
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#context.exitCode = exitCode.damage;
      lines.push(this.#line({ kind: "damage", detail: error.message }, "  "));
    }
    return lines.join("");
  }

  #line(fields: Readonly<Record<string, unknown>>, indent = ""): string {
    if (this.#options.json) return `${JSON.stringify({ file: this.#file, ...fields })}\n`;
    const { kind, ...rest } = fields;
    const words = Object.entries(rest).map(([name, value]) => `${name}=${wordOf(value)}`);
    return `${indent}${String(kind)} ${words.join(" ")}\n`;
  }
}

function recordFields(cursor: RecordCursor): Readonly<Record<string, unknown>> {
  const { offset, timestampMs, bytes } = cursor;
  const key = shown(bytes, cursor.keyStart, cursor.keyEnd);
  const value = shown(bytes, cursor.valueStart, cursor.valueEnd);
  const headers: [string, Shown][] = [];
  while (cursor.nextHeader()) {
    const name = Buffer.from(bytes.subarray(cursor.headerKeyStart, cursor.headerKeyEnd));
    const { headerValueStart, headerValueEnd } = cursor;
    headers.push([name.toString("utf8"), shown(bytes, headerValueStart, headerValueEnd)]);
  }
  return { kind: "record", offset, timestampMs, key, value, headers };
}

type Shown = string | { readonly hex: string } | null;

/** Text where the bytes are text, hexadecimal digits where they are not. */
function shown(bytes: Uint8Array, start: number, end: number): Shown {
  if (start < 0) return null;
  const part = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  return isUtf8(part) ? part.toString("utf8") : { hex: part.toString("hex") };
}

function wordOf(value: unknown): string {
  return typeof value === "string" && /^[\w.:-]+$/.test(value) ? value : JSON.stringify(value);
}
