// `varve serve`: runs the server until it is told to stop.

import type { Command } from "commander";
import { type ConfigFlag, configFlags, loadConfig, processEnvironment } from "../../config.ts";

const example = `
Each option can also be set in the environment (shown in brackets) or in a JSON file given with --config;
the command line wins over the environment, the environment over the file.

Example:
  $ varve serve --port 8082 --kafka-port 9092 --data-dir ./segments --topic-defaults retention.ms=86400000`;

/** Adds `serve` to the program. */
export function registerServe(program: Command): void {
  const command = program
    .command("serve")
    .description("serve a data directory over HTTP and Kafka's protocol until SIGTERM or SIGINT")
    .option("--config <file>", "JSON file with settings [VARVE_CONFIG]")
    .option("--no-kafka", "short for --kafka-enabled false")
    .addHelpText("after", example);
  for (const flag of configFlags()) addOption(command, flag);
  command.action(async ({ kafka, ...given }: Record<string, unknown>) => {
    const flags = kafka === false ? { ...given, kafkaEnabled: "false" } : given;
    const environment = processEnvironment();
    const file = flags["config"] ?? environment["VARVE_CONFIG"];
    await serve(flags, environment, typeof file === "string" && file !== "" ? file : null);
  });
}

function addOption(command: Command, flag: ConfigFlag): void {
  const description = `${flag.description} [${flag.variable}] (default: ${flag.defaultText})`;
  if (flag.isRepeatable) {
    const collect = (value: string, before: string[] | undefined): string[] => [
      ...(before ?? []),
      value,
    ];
    command.option(flag.option, description, collect);
  } else {
    command.option(flag.option, description);
  }
}

async function serve(
  flags: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  file: string | null,
): Promise<void> {
  const config = loadConfig({ flags, environment, file });
  const { createLogger, startServer } = await import("../../server.ts");
  const logger = createLogger(config.logLevel);
  const server = await startServer(config, logger);
  const signal = await firstSignal();
  logger.info({ signal }, "stopping on a signal");
  // A second signal means now: whoever sends it accepts a recovery at the next start.
  for (const again of ["SIGTERM", "SIGINT"] as const) process.once(again, () => process.exit(130));
  await server.close();
}

function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const)
      process.once(signal, () => resolve(signal));
  });
}
