// Writes docs/reference.md from the tables in the code, so that the page cannot disagree with them.

import { errorTable } from "../../src/base/error.ts";
import { type ConfigKey, topicConfigKeys } from "../../src/broker/topic-config-keys.ts";
import { configFlags } from "../../src/config.ts";
import { statusOfError } from "../../src/doors/http/problem.ts";

/** The whole page. */
export function referencePage(): string {
  return [
    "# Reference",
    "",
    "Generated from the code by `npm run docs`; a test holds the two together.",
    "",
    "## Settings of `varve serve`",
    "",
    "The command line wins over the environment, the environment over the file given with `--config`.",
    "",
    "| Flag | Variable | Key in the file | Default | Meaning |",
    "|---|---|---|---|---|",
    ...configFlags().map((flag) =>
      row(
        `\`${flag.option}\``,
        `\`${flag.variable}\``,
        `\`${flag.key}\``,
        `\`${flag.defaultText}\``,
        flag.description,
      ),
    ),
    "",
    "## Topic config",
    "",
    "| Key | Default | Values | Meaning |",
    "|---|---|---|---|",
    ...Object.entries<ConfigKey>(topicConfigKeys).map(([name, key]) =>
      row(`\`${name}\``, `\`${key.defaultValue}\``, valuesOf(key), key.meaning),
    ),
    "",
    "## Errors",
    "",
    "Errors are `application/problem+json` (RFC 9457) with these names as `code`.",
    "",
    "| Code | Status | Retriable | Meaning |",
    "|---|---|---|---|",
    ...Object.entries(errorTable).map(([name, info]) =>
      row(
        `\`${name}\``,
        String(statusOfError[name as keyof typeof statusOfError]),
        info.retriable ? "yes" : "no",
        info.meaning,
      ),
    ),
    "",
  ].join("\n");
}

function row(...cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function valuesOf({ kind }: ConfigKey): string {
  if (kind.type === "choice" || kind.type === "list") {
    return kind.values.map((value) => `\`${value === "" ? '""' : value}\``).join(", ");
  }
  const most = kind.valueMax === null ? "2^63-1" : kind.valueMax.toLocaleString("en-US");
  return `${kind.valueMin.toLocaleString("en-US")} to ${most}`;
}
