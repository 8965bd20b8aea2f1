// A config key as Kafka's messages show it.

import type { ConfigEntry, ConfigSource, ConfigType } from "../../services.ts";

/** Kafka's numbers of where a value comes from: set on the topic, in the server's settings, nowhere. */
const sourceNumbers: Readonly<Record<ConfigSource, number>> = { topic: 1, server: 4, default: 5 };

/** Kafka's numbers of types. */
const typeNumbers: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
};

/** A config key with its value. No key holds a secret. */
export interface ShownConfig {
  readonly name: string;
  readonly value: string;
  readonly readOnly: boolean;
  readonly configSource: number;
  readonly isSensitive: boolean;
}

/** A config key with everything that can be asked about it. */
export interface DescribedConfig extends ShownConfig {
  readonly synonyms: readonly {
    readonly name: string;
    readonly value: string;
    readonly source: number;
  }[];
  readonly configType: number;
  readonly documentation: string | null;
}

/** A key as CreateTopics shows it. */
export function shownConfig({ name, value, source }: ConfigEntry, isReadOnly = false): ShownConfig {
  const configSource = sourceNumbers[source];
  return { name, value, readOnly: isReadOnly, configSource, isSensitive: false };
}

/** A key as DescribeConfigs shows it. */
export function describedConfig(
  entry: ConfigEntry,
  show: {
    readonly isReadOnly: boolean;
    readonly includeSynonyms: boolean;
    readonly includeDocumentation: boolean;
  },
): DescribedConfig {
  const synonyms = entry.synonyms.map(({ name, value, source }) => {
    return { name, value, source: sourceNumbers[source] };
  });
  return {
    ...shownConfig(entry, show.isReadOnly),
    synonyms: show.includeSynonyms ? synonyms : [],
    configType: typeNumbers[entry.type],
    documentation: show.includeDocumentation ? entry.documentation : null,
  };
}
