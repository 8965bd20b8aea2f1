import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type ConfigSources, configFlags, loadConfig } from "../src/config.ts";

const none: ConfigSources = { flags: {}, environment: {}, file: null };

const directory = mkdtempSync(join(tmpdir(), "varve-config-"));
let files = 0;
afterAll(() => rmSync(directory, { recursive: true }));

function fileWith(text: string): string {
  const path = join(directory, `${files++}.json`);
  writeFileSync(path, text);
  return path;
}

test("config: nothing given: every setting has its default and the whole is frozen", () => {
  const config = loadConfig(none);
  expect(config.port).toBe(8082);
  expect(config.host).toBe("127.0.0.1");
  expect(config.dataDir).toBe("./segments");
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.keys(config).sort()).toEqual(
    configFlags()
      .map((each) => each.key)
      .sort(),
  );
});

test("config: the same setting in three places: flag beats environment beats file", () => {
  const file = fileWith('{"port": 1, "host": "file", "logLevel": "warn"}');
  const environment = { VARVE_PORT: "2", VARVE_HOST: "environment" };
  const config = loadConfig({ flags: { port: "3" }, environment, file });
  expect([config.port, config.host, config.logLevel]).toEqual([3, "environment", "warn"]);
});

test("config: topic defaults: come as pairs from flags and environment", () => {
  const flags = { topicDefaults: ["retention.ms=1000", "segment.bytes=4096"] };
  const expected = { "retention.ms": "1000", "segment.bytes": "4096" };
  expect(loadConfig({ ...none, flags }).topicDefaults).toEqual(expected);
  const environment = { VARVE_TOPIC_DEFAULTS: "retention.ms=1000,segment.bytes=4096" };
  expect(loadConfig({ ...none, environment }).topicDefaults).toEqual(expected);
});

const refused: readonly [string, Partial<ConfigSources>, RegExp][] = [
  ["a port above the range", { flags: { port: "65536" } }, /'port' is 65536/],
  ["a port that is no number", { flags: { port: "http" } }, /'port' is "http"/],
  ["a boolean that is neither", { environment: { VARVE_AUTO_CREATE_TOPICS: "maybe" } }, /maybe/],
  ["a level that does not exist", { flags: { logLevel: "loud" } }, /'logLevel' is "loud"/],
  ["a pair without equals", { flags: { topicDefaults: ["retention"] } }, /takes key=value/],
  ["a negative size", { environment: { VARVE_BODY_BYTES_MAX: "-1" } }, /'bodyBytesMax' is -1/],
  ["a file that is missing", { file: "/nonexistent/varve.json" }, /cannot read config file/],
  ["a file that is not JSON", { file: fileWith("port: 1") }, /cannot read config file/],
  ["a file that is a list", { file: fileWith("[1]") }, /must hold one JSON object/],
  ["a file with an unknown key", { file: fileWith('{"prot": 1}') }, /unknown setting 'prot'/],
];

test.each(refused)("config: %s: is refused by name", (_situation, sources, message) => {
  expect(() => loadConfig({ ...none, ...sources })).toThrow(message);
});

test("config: flags: are spelled in kebab case with their variable beside", () => {
  const dataDir = configFlags().find((each) => each.key === "dataDir");
  expect(dataDir?.option).toBe("--data-dir <value>");
  expect(dataDir?.variable).toBe("VARVE_DATA_DIR");
});
