import { expect, test } from "vitest";
import { describedConfig, shownConfig } from "../../../src/doors/kafka/config-entry.ts";
import type { ConfigEntry } from "../../../src/services.ts";

const entry: ConfigEntry = {
  name: "retention.ms",
  value: "5",
  source: "topic",
  type: "long",
  documentation: "How long.",
  synonyms: [
    { name: "retention.ms", value: "5", source: "topic" },
    { name: "log.retention.ms", value: "6", source: "server" },
    { name: "log.retention.ms", value: "7", source: "default" },
  ],
};

test("a key as it was made: sources by Kafka's numbers", () => {
  const shown = { name: "retention.ms", value: "5", isSensitive: false };
  expect(shownConfig(entry)).toEqual({ ...shown, readOnly: false, configSource: 1 });
  expect(shownConfig({ ...entry, source: "server" }).configSource).toBe(4);
  expect(shownConfig({ ...entry, source: "default" }, true)).toMatchObject({
    readOnly: true,
    configSource: 5,
  });
});

test("a key described: synonyms and documentation only for those who ask", () => {
  const quiet = { isReadOnly: true, includeSynonyms: false, includeDocumentation: false };
  expect(describedConfig(entry, quiet)).toMatchObject({
    readOnly: true,
    synonyms: [],
    configType: 5,
    documentation: null,
  });
  const all = { isReadOnly: false, includeSynonyms: true, includeDocumentation: true };
  expect(describedConfig(entry, all)).toMatchObject({
    readOnly: false,
    documentation: "How long.",
    synonyms: [
      { name: "retention.ms", value: "5", source: 1 },
      { name: "log.retention.ms", value: "6", source: 4 },
      { name: "log.retention.ms", value: "7", source: 5 },
    ],
  });
  expect(describedConfig({ ...entry, type: "boolean" }, quiet).configType).toBe(1);
});
