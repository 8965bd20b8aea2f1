// The composition root: builds each part once, starts upward (engine, then doors) and stops downward.

import { pino } from "pino";
import { Registry } from "prom-client";
import { systemClock } from "./base/clock.ts";
import type { Logger } from "./base/logger.ts";
import { systemRandom } from "./base/random.ts";
import { StartSteps } from "./base/start-steps.ts";
import type { Config } from "./config.ts";
import type { Door } from "./doors/door.ts";
import { createHttpDoor } from "./doors/http/http-door.ts";
import { createKafkaDoor } from "./doors/kafka/kafka-door.ts";
import { parseListener } from "./doors/kafka/listener.ts";
import { type Engine, openEngine } from "./engine.ts";
import { EngineMetrics } from "./engine-metrics.ts";
import { NodeDisk } from "./storage/node-disk.ts";

/** A running server. */
export interface Server {
  /** Where the HTTP door listens: `http://127.0.0.1:8082`. */
  readonly url: string;
  /** Where the Kafka door listens, `127.0.0.1:9092`; null when there is none. */
  readonly kafka: string | null;
  /** Stops in order; resolves when everything is on the disk and the directory is marked clean. */
  close(): Promise<void>;
}

/** The process's structured log, in pino's JSON lines. */
export function createLogger(level: Config["logLevel"]): Logger {
  return pino({ level });
}

/**
 * Opens the data directory and serves it.
 *
 * @throws LogError when the directory cannot be used, or the system's error when the port is taken; nothing is left
 * open.
 */
export async function startServer(config: Config, logger: Logger): Promise<Server> {
  const registry = new Registry();
  const metrics = new EngineMetrics(registry);
  const startedAt = systemClock.monotonicMs();
  const engine = await openEngine({
    path: config.dataDir,
    disk: new NodeDisk({ readMode: config.readMode }),
    clock: systemClock,
    random: systemRandom,
    logger,
    observer: metrics,
    settings: config,
  });
  try {
    metrics.watch(engine);
    const steps = new StartSteps({ clock: systemClock, logger });
    const doors = await openDoors({ config, logger, engine, registry });
    steps.ended("doors");
    const startMs = Math.round(systemClock.monotonicMs() - startedAt);
    const url = doors.http.address() ?? "";
    const kafka = doors.kafka?.address() ?? null;
    const { topics, partitions } = engine.gauges();
    const facts = { url, kafka, dataDir: config.dataDir, topics, partitions, startMs };
    logger.info(facts, "varve is ready");
    return { url, kafka, close: () => closeServer({ doors, engine, logger, config }) };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

interface DoorParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly engine: Engine;
  readonly registry: Registry;
}

interface Doors {
  readonly http: Door;
  readonly kafka: Door | null;
}

// The Kafka door listens first: whoever waits for HTTP to answer finds both open.
async function openDoors(parts: DoorParts): Promise<Doors> {
  const { config } = parts;
  const kafka = config.kafkaEnabled ? kafkaDoor(parts) : null;
  const http = await httpDoor(parts);
  try {
    await kafka?.listen().catch((error: unknown) => {
      throw kafkaPortError(error, config);
    });
    await http.listen();
  } catch (error) {
    await kafka?.close(0);
    await http.close(0);
    throw error;
  }
  return { http, kafka };
}

/** The system's error for a port, with the way out. */
function kafkaPortError(error: unknown, { kafkaPort }: Config): unknown {
  if ((error as { code?: unknown } | null)?.code !== "EADDRINUSE") return error;
  const detail = `port ${kafkaPort} of Kafka's protocol is in use; choose another with --kafka-port, or --no-kafka`;
  return Object.assign(new Error(detail, { cause: error }), { code: "EADDRINUSE" });
}

function kafkaDoor({ config, logger, engine, registry }: DoorParts): Door {
  const { kafkaAdvertised: advertised } = config;
  return createKafkaDoor({
    services: engine.services,
    clock: systemClock,
    logger,
    clusterId: engine.clusterId,
    host: config.kafkaHost === "" ? config.host : config.kafkaHost,
    port: config.kafkaPort,
    advertised: advertised === "" ? null : parseListener(advertised),
    registry,
    limits: {
      requestBytesMax: config.kafkaRequestBytesMax,
      requestBytesInFlightMax: config.inFlightBytesMax,
      replyBytesInFlightMax: config.replyBytesInFlightMax,
      connectionsMax: config.kafkaConnectionsMax,
      idleTimeoutMs: config.kafkaIdleTimeoutMs,
      requestTimeoutMs: config.requestTimeoutMs,
      stallTimeoutMs: config.streamStallMs,
    },
  });
}

function httpDoor({ config, logger, engine, registry }: DoorParts): Promise<Door> {
  return createHttpDoor({
    services: engine.services,
    clock: systemClock,
    random: systemRandom,
    logger,
    host: config.host,
    port: config.port,
    registry,
    limits: {
      bodyBytesMax: config.bodyBytesMax,
      bodyBytesInFlightMax: config.inFlightBytesMax,
      replyBytesInFlightMax: config.replyBytesInFlightMax,
      connectionsMax: config.connectionsMax,
      longPollsMax: config.longPollsMax,
      requestTimeoutMs: config.requestTimeoutMs,
      streamStallMs: config.streamStallMs,
    },
  });
}

interface Running {
  readonly doors: Doors;
  readonly engine: Engine;
  readonly logger: Logger;
  readonly config: Config;
}

/** Each step is logged when it begins, so that one that hangs is known by name. */
async function closeServer({ doors, engine, logger, config }: Running): Promise<void> {
  logger.info({ step: "doors" }, "stopping: no new requests");
  const { shutdownTimeoutMs } = config;
  await Promise.all([doors.http.close(shutdownTimeoutMs), doors.kafka?.close(shutdownTimeoutMs)]);
  logger.info({ step: "engine" }, "stopping: sync and close the logs");
  await engine.close();
  logger.info({}, "varve has stopped");
}
