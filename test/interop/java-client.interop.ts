// Apache Kafka's Java client against the server: the scenarios of test/interop/java.

import { describeProgram } from "./outcomes.ts";
import { scenarios } from "./results.ts";
import { compiledJava, kafkaVersion } from "./toolchain.ts";

// The client is a short-lived process on a small machine: the quick compiler alone is quicker.
const javaOptions = ["-Xmx512m", "-XX:TieredStopAtLevel=1"];

// Share groups have a file of their own.
const own = scenarios.filter((scenario) => scenario !== "share-groups");

describeProgram({
  name: "Java client",
  version: kafkaVersion,
  scenarios: own,
  prepare: () => {
    const found = compiledJava("java");
    if ("missing" in found) return found;
    const java = [...javaOptions, "-cp", found.tool, "Interop"];
    return { tool: (bootstrap) => ({ file: "java", args: [...java, bootstrap, ...own] }) };
  },
});
