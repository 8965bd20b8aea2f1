// The composition root: builds each part once, starts upward (engine, then door) and stops downward.

import { pino } from "pino";
import { Registry } from "prom-client";
import { systemClock } from "./base/clock.ts";
import type { Logger } from "./base/logger.ts";
import { systemRandom } from "./base/random.ts";
import type { Config } from "./config.ts";
import { createHttpDoor, type HttpDoor } from "./doors/http/http-door.ts";
import { type Engine, openEngine } from "./engine.ts";
import { EngineMetrics } from "./engine-metrics.ts";
import { NodeDisk } from "./storage/node-disk.ts";

/** A running server. */
export interface Server {
  /** Where the HTTP door listens: `http://127.0.0.1:8082`. */
  readonly url: string;
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
    const door = await openDoor({ config, logger, engine, registry });
    const startMs = Math.round(systemClock.monotonicMs() - startedAt);
    const url = door.address() ?? "";
    const { topics, partitions } = engine.gauges();
    logger.info({ url, dataDir: config.dataDir, topics, partitions, startMs }, "varve is ready");
    return { url, close: () => closeServer({ door, engine, logger, config }) };
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

async function openDoor({ config, logger, engine, registry }: DoorParts): Promise<HttpDoor> {
  const door = await createHttpDoor({
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
      connectionsMax: config.connectionsMax,
      longPollsMax: config.longPollsMax,
      requestTimeoutMs: config.requestTimeoutMs,
      streamStallMs: config.streamStallMs,
    },
  });
  await door.listen();
  return door;
}

interface Running {
  readonly door: HttpDoor;
  readonly engine: Engine;
  readonly logger: Logger;
  readonly config: Config;
}

/** Each step is logged when it begins, so that one that hangs is known by name. */
async function closeServer({ door, engine, logger, config }: Running): Promise<void> {
  logger.info({ step: "door" }, "stopping: no new requests");
  await door.close(config.shutdownTimeoutMs);
  logger.info({ step: "engine" }, "stopping: sync and close the logs");
  await engine.close();
  logger.info({}, "varve has stopped");
}
