// The broker settings that are the door's own, by Kafka's names: who it is, and what it allows a connection.

import type { ConfigEntry, ConfigSynonym } from "../../services.ts";
import { defaultKafkaLimits, type KafkaLimits } from "./kafka-limits.ts";

/** What the door knows of itself. */
export interface DoorFacts {
  readonly limits: KafkaLimits;
  readonly nodeId: number;
}

const rows: readonly {
  readonly name: string;
  readonly type: "int" | "long";
  readonly documentation: string;
  readonly limit: keyof KafkaLimits;
}[] = [
  {
    name: "connections.max.idle.ms",
    type: "long",
    documentation: "A connection without requests is closed after this long.",
    limit: "idleTimeoutMs",
  },
  {
    name: "group.share.max.share.sessions",
    type: "int",
    documentation: "Most share sessions at once.",
    limit: "shareSessionsMax",
  },
  {
    name: "max.connections",
    type: "int",
    documentation: "Most connections at once.",
    limit: "connectionsMax",
  },
  {
    name: "socket.request.max.bytes",
    type: "int",
    documentation: "Largest request; a larger one closes its connection.",
    limit: "requestBytesMax",
  },
];

/** The door's part of what DescribeConfigs says of the broker. */
export function doorConfigs({ limits, nodeId }: DoorFacts): readonly ConfigEntry[] {
  const names = ["broker.id", "node.id"].map((name) => {
    const documentation = "The number of this broker, the only one.";
    return entryOf({ name, type: "int", documentation }, [String(nodeId), String(nodeId)]);
  });
  const bounds = rows.map(({ limit, ...row }) =>
    entryOf(row, [String(limits[limit]), String(defaultKafkaLimits[limit])]),
  );
  return [...names, ...bounds];
}

function entryOf(
  row: Pick<ConfigEntry, "name" | "type" | "documentation">,
  [value, defaultValue]: readonly [value: string, defaultValue: string],
): ConfigEntry {
  const { name } = row;
  const basic: ConfigSynonym = { name, value: defaultValue, source: "default" };
  if (value === defaultValue) return { ...row, value, source: "default", synonyms: [basic] };
  const set: ConfigSynonym = { name, value, source: "server" };
  return { ...row, value, source: "server", synonyms: [set, basic] };
}
