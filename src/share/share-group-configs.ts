// Settings of a share group by Kafka's group config keys, both ways.

import { LogError } from "../base/error.ts";
import type { GivenSettings } from "./share-settings.ts";

type SettingName = "leaseMs" | "maxDeliveries" | "from" | "isolation";

interface ConfigRow {
  readonly setting: SettingName;
  /** The setting of a text; undefined when it makes no sense. */
  readonly read: (text: string) => GivenSettings | undefined;
}

const rows: Readonly<Record<string, ConfigRow>> = {
  "share.record.lock.duration.ms": {
    setting: "leaseMs",
    read: (text) => within(text, 1000, 3_600_000, (leaseMs) => ({ leaseMs })),
  },
  "share.delivery.count.limit": {
    setting: "maxDeliveries",
    read: (text) => within(text, 1, 10_000, (maxDeliveries) => ({ maxDeliveries })),
  },
  "share.auto.offset.reset": {
    setting: "from",
    read: (from) => (from === "earliest" || from === "latest" ? { from } : undefined),
  },
  "share.isolation.level": {
    setting: "isolation",
    read: (text) =>
      text === "read_committed" || text === "read_uncommitted" ? { isolation: text } : undefined,
  },
};

/** The keys there are. */
export const shareGroupConfigKeys: readonly string[] = Object.keys(rows);

/** The configs that were set. */
export function groupConfigsOf(given: GivenSettings): Readonly<Record<string, string>> {
  const configs: Record<string, string> = {};
  for (const [key, { setting }] of Object.entries(rows)) {
    const value = given[setting];
    if (value !== undefined) configs[key] = String(value);
  }
  return configs;
}

/** The settings after changes by key: text sets, null resets. @throws INVALID_CONFIG */
export function settingsOfConfigs(
  given: GivenSettings,
  changes: Readonly<Record<string, string | null>>,
): GivenSettings {
  let settings: GivenSettings = given;
  for (const [key, text] of Object.entries(changes)) {
    const row = Object.hasOwn(rows, key) ? rows[key] : undefined;
    if (row === undefined) {
      const detail = `there is no group config '${key}'; there are ${shareGroupConfigKeys.join(", ")}`;
      throw new LogError("INVALID_CONFIG", detail);
    }
    const { [row.setting]: _, ...rest } = settings;
    if (text === null) {
      settings = rest;
      continue;
    }
    const read = row.read(text);
    if (read === undefined) throw new LogError("INVALID_CONFIG", `'${key}' cannot be '${text}'`);
    settings = { ...rest, ...read };
  }
  return settings;
}

function within(
  text: string,
  least: number,
  ...[most, then]: [number, (value: number) => GivenSettings]
): GivenSettings | undefined {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? then(value) : undefined;
}
