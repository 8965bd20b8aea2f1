// A Kafka door on a free port over an engine on a disk in memory.

import { Registry } from "prom-client";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/logger.ts";
import type { Door } from "../../src/doors/door.ts";
import type { Listener } from "../../src/doors/kafka/handler.ts";
import { createKafkaDoor } from "../../src/doors/kafka/kafka-door.ts";
import type { KafkaLimits } from "../../src/doors/kafka/kafka-limits.ts";
import type { Engine, EngineSettings } from "../../src/engine.ts";
import type { Services } from "../../src/services.ts";
import { openTestEngine } from "./engines.ts";
import { KafkaWire } from "./kafka-wire.ts";

/** What a door under test is made with; what is absent is usual. */
export interface KafkaFixtureOptions {
  readonly limits?: Partial<KafkaLimits>;
  /** The door's; the machine's own when absent. */
  readonly clock?: Clock;
  readonly advertised?: Listener | null;
  /** The engine's. */
  readonly settings?: Partial<EngineSettings>;
  /** What the door asks instead of the engine, made of the engine's services. */
  readonly services?: (services: Services) => Services;
}

/** A door under test. */
export interface KafkaFixture {
  readonly engine: Engine;
  readonly door: Door;
  readonly address: string;
  /** Warnings and errors as they were logged. */
  readonly logged: readonly { readonly message: string; readonly facts: object }[];
  /** Opens a connection; all are dropped at the end. */
  wire(): Promise<KafkaWire>;
  /** The value of a metric by its name with labels, as it is scraped; 0 when it is not there. */
  metric(name: string): Promise<number>;
  close(): Promise<void>;
}

/** Opens one. */
export async function openKafka(options: KafkaFixtureOptions = {}): Promise<KafkaFixture> {
  const { engine } = await openTestEngine({ settings: options.settings ?? {} });
  const logged: { message: string; facts: object }[] = [];
  const ignore = (): void => undefined;
  const note: Logger["warn"] = (facts, message) => {
    logged.push({ message, facts });
  };
  const registry = new Registry();
  const door = createKafkaDoor({
    services: options.services?.(engine.services) ?? engine.services,
    clock: options.clock ?? systemClock,
    logger: { debug: ignore, info: ignore, warn: note, error: note },
    clusterId: engine.clusterId,
    host: "127.0.0.1",
    port: 0,
    advertised: options.advertised ?? null,
    registry,
    limits: options.limits ?? {},
  });
  await door.listen();
  const address = door.address() ?? "";
  const wires: KafkaWire[] = [];
  return {
    engine,
    door,
    address,
    logged,
    wire: async () => {
      const wire = await KafkaWire.open(address);
      wires.push(wire);
      return wire;
    },
    metric: async (name) => {
      const lines = (await registry.metrics()).split("\n");
      const line = lines.find((text) => text.startsWith(`${name} `));
      return Number(line?.split(" ").at(-1) ?? 0);
    },
    close: async () => {
      for (const wire of wires) wire.drop();
      await door.close(1000);
      await engine.close();
    },
  };
}
