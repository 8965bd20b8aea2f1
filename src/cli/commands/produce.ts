// `varve produce`: a file or standard input into a topic, fast, in the order of the input within each partition.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { addAbortSignal, type Readable } from "node:stream";
import { SingleBar } from "cli-progress";
import { type Command, Option } from "commander";
import type { Acks, Producer, RecordInput } from "../../client/client.ts";
import { isVarveError } from "../../client/errors.ts";
import { AckLedger } from "../ack-ledger.ts";
import {
  addExamples,
  addServerOptions,
  type CliContext,
  integer,
  pair,
  type ServerOptions,
  withClient,
} from "../context.ts";
import { CliError, exitCode, exitCodeOf, messageOf } from "../exit.ts";
import { recordsFrom, type SourcePortion } from "../record-source.ts";

interface ProduceOptions extends ServerOptions {
  readonly format: "lines" | "ndjson";
  readonly keySeparator?: string;
  readonly header?: Readonly<Record<string, string>>;
  readonly partition?: number;
  readonly acks: "0" | "1" | "all";
  readonly batchRecords: number;
  readonly inFlight: number;
  readonly skip: number;
}

const notes = `
One line is one record's value, byte for byte, without its newline; a carriage return is kept. A last line without a
newline is a record like any other: 'varve consume --no-final-newline' gives such a file back exactly.

Records without a key fill one partition's request after the other. Within a partition they are stored in the order of
the input: one request at a time goes to each partition, and after a failure no later one does. With --acks all each
record is stored once, although requests are sent again until they are answered, for two minutes, also when the server
is killed and comes back. With other acks a request whose outcome is unknown is not sent again. When it fails, the
message says where to resume.`;

const chunkBytes = 256 * 1024;
const batchBytesMax = 512 * 1024;

/** Adds the command. */
export function registerProduce(program: Command, context: CliContext): void {
  const command = program
    .command("produce")
    .argument("<topic>")
    .argument("[file]", "what to read; - is standard input", "-")
    .description("append the lines of a file to a topic")
    .addOption(
      new Option("--format <format>", "what a line is: a value, or a JSON record")
        .choices(["lines", "ndjson"])
        .default("lines"),
    )
    .option("--key-separator <text>", "a line is a key, this text, and the value")
    .option("--header <name=value>", "a header for every record of lines (repeatable)", pair)
    .option("--partition <number>", "all into this partition", integer(0, 2 ** 31 - 1))
    .addOption(
      new Option("--acks <acks>", "answer when on the disk (all), written (1), or at once (0)")
        .choices(["0", "1", "all"])
        .default("all"),
    )
    .option("--batch-records <count>", "records in one request", integer(1, 100_000), 1_000)
    .option("--in-flight <count>", "requests at once, one a partition", integer(1, 1_000), 8)
    .option("--skip <count>", "leave out records at the beginning", integer(0, 2 ** 53 - 1), 0)
    .action((topic: string, file: string, options: ProduceOptions) =>
      withClient(context, options, async (client) => {
        const producer = client.producer({
          topic,
          acks: acksOf(options.acks),
          batchRecordsMax: options.batchRecords,
          batchBytesMax,
          inFlightMax: options.inFlight,
          haltOnError: true,
        });
        const { input, totalBytes } = await openInput(file, context);
        await new ProduceRun({ producer, options, context, totalBytes }).run(input);
      }),
    );
  addServerOptions(command);
  addExamples(
    command,
    "varve produce logs /var/log/syslog",
    "tail -f app.log | varve produce logs",
    "varve produce users users.ndjson --format ndjson",
  ).addHelpText("after", notes);
}

function acksOf(text: ProduceOptions["acks"]): Acks {
  return text === "all" ? "all" : text === "1" ? 1 : 0;
}

async function openInput(
  file: string,
  context: CliContext,
): Promise<{ readonly input: Readable; readonly totalBytes: number | null }> {
  if (file === "-") return { input: context.io.stdin, totalBytes: null };
  const found = await stat(file);
  if (found.isDirectory()) {
    throw new CliError(exitCode.failed, `varve: ${file} is a directory; name a file`);
  }
  const input = createReadStream(file, { highWaterMark: chunkBytes });
  return { input, totalBytes: found.isFile() ? found.size : null };
}

interface RunOptions {
  readonly producer: Producer;
  readonly options: ProduceOptions;
  readonly context: CliContext;
  /** Size of the input; null when it cannot be known. */
  readonly totalBytes: number | null;
}

class ProduceRun {
  readonly #run: RunOptions;
  readonly #ledger = new AckLedger();
  readonly #stopReading = new AbortController();
  readonly #bar: SingleBar | null;
  #bytes = 0;
  /** Records of failed requests that may be stored all the same. */
  #doubtful = 0;
  #error: unknown = null;

  constructor(run: RunOptions) {
    this.#run = run;
    const { stderr } = run.context.io as { stderr: NodeJS.WritableStream & { isTTY?: boolean } };
    const isShown = stderr.isTTY === true && run.totalBytes !== null && run.totalBytes > 0;
    this.#bar = isShown ? newBar(stderr) : null;
  }

  async run(input: Readable): Promise<void> {
    const { context, totalBytes, producer } = this.#run;
    const { clock, stop } = context.io;
    const startedMs = clock.monotonicMs();
    const end = (): void => this.#stopReading.abort();
    stop.addEventListener("abort", end);
    if (stop.aborted) end();
    this.#bar?.start(totalBytes ?? 0, 0, { records: 0, rate: 0 });
    try {
      await this.#read(input, startedMs);
      await producer.flush();
    } finally {
      stop.removeEventListener("abort", end);
      this.#bar?.stop();
    }
    if (this.#error !== null) throw this.#failure(this.#error);
    if (stop.aborted) throw this.#failure(null);
    this.#summary(clock.monotonicMs() - startedMs);
  }

  async #read(input: Readable, startedMs: number): Promise<void> {
    const { format, keySeparator = null, header = {}, skip } = this.#run.options;
    addAbortSignal(this.#stopReading.signal, input);
    try {
      const source = { format, keySeparator, headers: header, skip };
      for await (const portion of recordsFrom(input, source)) {
        await this.#send(portion);
        this.#show(portion.readBytes, startedMs);
        if (this.#stopReading.signal.aborted) return;
      }
    } catch (error) {
      // Ended from here: the user's wish or the failure of a request is what counts.
      if (!this.#stopReading.signal.aborted) this.#error ??= error;
    }
  }

  async #send({ records }: SourcePortion): Promise<void> {
    const { batchRecords, partition } = this.#run.options;
    for (let start = 0; start < records.length; start += batchRecords) {
      const part = records.slice(start, start + batchRecords);
      const chunk = partition === undefined ? part : part.map((one) => ({ ...one, partition }));
      await this.#run.producer.ready(bytesOf(chunk) * 2);
      if (this.#stopReading.signal.aborted) return;
      const acknowledge = this.#ledger.add(chunk.length);
      const bytes = bytesOf(chunk);
      this.#run.producer.sendAll(chunk).then(
        () => {
          acknowledge();
          this.#bytes += bytes;
        },
        (error: unknown) => {
          if (isVarveError(error) && error.mayHaveApplied) this.#doubtful += chunk.length;
          this.#error ??= error;
          this.#stopReading.abort();
        },
      );
    }
  }

  #show(readBytes: number, startedMs: number): void {
    if (this.#bar === null) return;
    const seconds = (this.#run.context.io.clock.monotonicMs() - startedMs) / 1000;
    const { acknowledged } = this.#ledger;
    const rate = Math.round(acknowledged / Math.max(seconds, 0.001));
    this.#bar.update(readBytes, { records: acknowledged, rate });
  }

  /** What to say when not all of the input is acknowledged. */
  #failure(error: unknown): CliError {
    const { prefix, acknowledged } = this.#ledger;
    const { stop } = this.#run.context.io;
    const what = error === null || stop.aborted ? "stopped" : messageOf(error);
    const code = stop.aborted ? exitCode.stopped : exitCodeOf(error);
    const resume = `resume with --skip ${this.#run.options.skip + prefix}`;
    const beyond = acknowledged - prefix;
    const doubt =
      beyond + this.#doubtful > 0
        ? `; of those after them ${beyond} are acknowledged and ${this.#doubtful} may be stored`
        : "";
    const line = `varve: ${what}; the first ${prefix} records are acknowledged, ${resume}${doubt}`;
    return new CliError(code, line);
  }

  #summary(elapsedMs: number): void {
    const seconds = elapsedMs / 1000;
    const { acknowledged } = this.#ledger;
    const rate = Math.round(acknowledged / Math.max(seconds, 0.001));
    const text = `produced ${acknowledged} records, ${this.#bytes} bytes in ${seconds.toFixed(2)} s (${rate} records/s)`;
    this.#run.context.io.stderr.write(`${text}\n`);
  }
}

function newBar(stream: NodeJS.WritableStream): SingleBar {
  return new SingleBar({
    stream,
    format: "{bar} {percentage}% | {records} records | {rate} records/s | {eta} s left",
    clearOnComplete: true,
    hideCursor: true,
  });
}

function bytesOf(records: readonly RecordInput[]): number {
  let bytes = 0;
  for (const { key = null, value } of records) bytes += (key?.length ?? 0) + (value?.length ?? 0);
  return bytes;
}
