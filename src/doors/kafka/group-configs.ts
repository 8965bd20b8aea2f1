// Configs of groups as Kafka's tools see them. Those of share groups can be set for each group, which need not exist;
// those of consumer groups are the server's, and the same for all.

import { LogError } from "../../base/error.ts";
import type {
  ConfigChange,
  ConfigChanges,
  ConfigEntry,
  ConfigType,
  Services,
} from "../../services.ts";
import { type DescribedConfig, describedConfig } from "./config-entry.ts";

/** What of a config is to be shown. */
export interface Show {
  readonly includeSynonyms: boolean;
  readonly includeDocumentation: boolean;
}

// Kafka's numbers of where a value comes from.
const setOnGroup = 8;
const byDefault = 5;

/** Keys of consumer groups, by the broker key that gives every group its value. */
const brokerKeys: ReadonlyMap<string, string> = new Map([
  ["group.consumer.heartbeat.interval.ms", "consumer.heartbeat.interval.ms"],
  ["group.consumer.session.timeout.ms", "consumer.session.timeout.ms"],
]);

interface ShareKey {
  readonly type: ConfigType;
  readonly value: string;
  readonly documentation: string;
}

const shareKeys: Readonly<Record<string, ShareKey>> = {
  "share.auto.offset.reset": {
    type: "string",
    value: "latest",
    documentation: "Where a share group begins in a partition: earliest or latest.",
  },
  "share.delivery.count.limit": {
    type: "int",
    value: "5",
    documentation: "A record is given up after so many deliveries without an acknowledgement.",
  },
  "share.isolation.level": {
    type: "string",
    value: "read_uncommitted",
    documentation: "Whether records of open and aborted transactions are delivered.",
  },
  "share.record.lock.duration.ms": {
    type: "int",
    value: "30000",
    documentation: "How long a member has for a record that it acquired.",
  },
};

/** All configs of a group. */
export async function describedGroupConfigs(
  group: string,
  services: Pick<Services, "broker" | "shares" | "queues">,
  show: Show,
): Promise<readonly DescribedConfig[]> {
  const ofServer = (await services.broker.describeConfigs()).flatMap((entry) => {
    const name = brokerKeys.get(entry.name);
    return name === undefined ? [] : [shownOfServer({ ...entry, name }, show)];
  });
  const set = { ...queueValues(group, services), ...(await services.shares.groupConfigs(group)) };
  const ofShare = Object.entries(shareKeys).map(([name, key]) => {
    return shownOfShare({ ...key, name, setTo: set[name] ?? null }, show);
  });
  return [...ofServer, ...ofShare];
}

/** Names of the groups that have configs of their own. */
export async function configuredGroups({
  shares,
}: Pick<Services, "shares">): Promise<readonly string[]> {
  const names = (await shares.list()).map(({ group }) => group);
  const configs = await Promise.all(names.map((name) => shares.groupConfigs(name)));
  return names.filter((_name, index) => Object.keys(configs[index] ?? {}).length > 0);
}

/**
 * Changes configs of a group; with `isReplacement` what is not named is reset.
 * @throws INVALID_CONFIG for keys that are not of share groups, and for lists: there are none.
 */
export async function alterGroupConfigs(
  group: string,
  changes: ConfigChanges,
  how: {
    readonly shares: Services["shares"];
    readonly isReplacement: boolean;
    readonly validateOnly: boolean;
  },
): Promise<void> {
  const { shares, isReplacement, validateOnly } = how;
  const resets = isReplacement ? Object.keys(await shares.groupConfigs(group)) : [];
  const named = Object.entries(changes).map(([key, change]): [string, string | null] => {
    return [key, plainChange(key, change)];
  });
  const all = [...resets.map((key): [string, null] => [key, null]), ...named];
  await shares.alterGroupConfigs(group, Object.fromEntries(all), { validateOnly });
}

function plainChange(key: string, change: ConfigChange): string | null {
  if (change === null || typeof change === "string") return change;
  throw new LogError("INVALID_CONFIG", `config key '${key}' of a group is not a list`);
}

// A queue is a share group whose own defaults hold.
function queueValues(
  group: string,
  { queues }: Pick<Services, "queues">,
): Readonly<Record<string, string>> {
  const settings = queues.lookup(group);
  if (settings === null) return {};
  return {
    "share.auto.offset.reset": settings.from,
    "share.isolation.level": "read_committed",
  };
}

function shownOfServer(entry: ConfigEntry, show: Show): DescribedConfig {
  return describedConfig(entry, { ...show, isReadOnly: true });
}

function shownOfShare(
  key: ShareKey & { readonly name: string; readonly setTo: string | null },
  show: Show,
): DescribedConfig {
  const { name, value, setTo, type, documentation } = key;
  const entry: ConfigEntry = {
    name,
    value: setTo ?? value,
    source: "default",
    synonyms: [{ name, value, source: "default" }],
    type,
    documentation,
  };
  const shown = describedConfig(entry, { ...show, isReadOnly: false });
  if (setTo === null) return { ...shown, configSource: byDefault };
  const own = { name, value: setTo, source: setOnGroup };
  const synonyms = show.includeSynonyms ? [own, ...shown.synonyms] : [];
  return { ...shown, configSource: setOnGroup, synonyms };
}
