// What Kafka's own tools measure: produce and fetch throughput, end-to-end latency.

import { runProgram } from "../../test/interop/outcomes.ts";
import { type Cell, found, type Load, loads, nameOf } from "./cell.ts";
import { type Contestant, createTopic } from "./servers.ts";

const tools = "org.apache.kafka.tools";
const acksModes = ["1", "all"];

/** All cells that need Kafka's jars. */
export function javaCells(classpath: string, scale: number): readonly Cell[] {
  const java = (main: string, args: readonly string[]): Promise<string> => {
    const all = ["-Xmx512m", "-cp", classpath, `${tools}.${main}`, ...args];
    return runProgram({ file: "java", args: all }, 120_000);
  };
  return [...throughputCells(java, scale), ...latencyCells(java)];
}

type Java = (main: string, args: readonly string[]) => Promise<string>;

function throughputCells(java: Java, scale: number): readonly Cell[] {
  const topics = new Map<string, string>();
  const key = (server: Contestant, load: Load): string => `${server.name} ${nameOf(load)}`;
  const produce = async (server: Contestant, load: Load, acks: string): Promise<number> => {
    const topic = `java-${topics.size}-${load.sizeBytes}-${load.partitions}-${acks}-${Date.now()}`;
    await createTopic(server.bootstrap, topic, load.partitions);
    const what = ["--topic", topic, "--num-records", String(load.records)];
    const how = ["--record-size", String(load.sizeBytes), "--throughput", "-1", "--producer-props"];
    const props = [`bootstrap.servers=${server.bootstrap}`, `acks=${acks}`];
    topics.set(key(server, load), topic);
    const text = await java("ProducerPerformance", [...what, ...how, ...props]);
    return found(/([\d.]+) records\/sec[^\n]*99\.9th/, text);
  };
  const fetch = async (server: Contestant, load: Load): Promise<number> => {
    const topic = topics.get(key(server, load)) ?? "";
    const args = ["--bootstrap-server", server.bootstrap, "--topic", topic, "--messages"];
    const text = await java("ConsumerPerformance", [...args, String(load.records)]);
    // start, end, MB, MB/s, records, records/s, rebalance ms, fetch ms, fetch MB/s, fetch records/s
    const line = text.split("\n").find((each) => /^\d{4}-/.test(each)) ?? text;
    return found(/([\d.]+)$/, line.trim());
  };
  const each = { unit: "records/s", isCost: false };
  return loads(scale).flatMap((load) => [
    ...acksModes.map((acks) => ({
      ...each,
      name: `java produce ${nameOf(load)} acks=${acks}`,
      measure: (server: Contestant) => produce(server, load, acks),
    })),
    {
      ...each,
      name: `java fetch ${nameOf(load)}`,
      measure: (server: Contestant) => fetch(server, load),
    },
  ]);
}

// One run of the tool gives all three figures; the first cell runs it.
function latencyCells(java: Java): readonly Cell[] {
  const texts = new Map<string, string>();
  const percentiles = [
    { name: "p50", label: "50th" },
    { name: "p99", label: "99th" },
    { name: "p99.9", label: "99\\.9th" },
  ];
  return percentiles.map(({ name, label }, index) => ({
    name: `java end to end 100B acks=all ${name}`,
    unit: "ms",
    isCost: true,
    measure: async (server: Contestant) => {
      if (index === 0) {
        await createTopic(server.bootstrap, "latency", 1);
        const args = [server.bootstrap, "latency", "2000", "all", "100"];
        texts.set(server.name, await java("EndToEndLatency", args));
      }
      return found(new RegExp(`${label} = (\\d+)`), texts.get(server.name) ?? "");
    },
  }));
}
