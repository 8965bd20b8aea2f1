// The Kafka door: Kafka's wire protocol on a TCP port, over the services.

import { Registry } from "prom-client";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Services } from "../../services.ts";
import { type Door, listenBacklog } from "../door.ts";
import { ReplyRoom } from "../reply-room.ts";
import { Connection } from "./connection.ts";
import type { KafkaContext, Listener } from "./handler.ts";
import { defaultKafkaLimits, type KafkaLimits } from "./kafka-limits.ts";
import { KafkaMetrics } from "./kafka-metrics.ts";
import { listenerFor, listenerText } from "./listener.ts";
import { exportMetrics } from "./metrics-export.ts";
import { RequestRoom } from "./request-room.ts";
import { serving } from "./serving.ts";
import { shareSessionsOver } from "./share-sessions.ts";

/** What the door is built from. */
export interface KafkaDoorOptions {
  readonly services: Services;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Kafka's cluster id: 22 characters of base64url. */
  readonly clusterId: string;
  /** Address to bind, e.g. 127.0.0.1. */
  readonly host: string;
  /** 0 takes a free port; see `address`. */
  readonly port: number;
  /** Where all clients are told to connect; null: where each of them did. */
  readonly advertised: Listener | null;
  /** Where the door adds its metrics; its own when absent. */
  readonly registry?: Registry;
  /** Where they differ from `defaultKafkaLimits`. */
  readonly limits?: Partial<KafkaLimits>;
}

/** The id of the one broker there is. */
export const nodeId = 1;

// The process itself stood still when a look at the deadlines comes so late; then what would have kept them is still to
// be read, and they are looked at the next time.
const stallMs = 1000;

/** Builds the door; it accepts nothing before `listen`. */
export function createKafkaDoor(options: KafkaDoorOptions): Door {
  return new KafkaDoor(options);
}

class KafkaDoor implements Door {
  readonly #options: KafkaDoorOptions;
  readonly #context: KafkaContext;
  readonly #metrics = new KafkaMetrics();
  readonly #room: RequestRoom;
  readonly #replies: ReplyRoom;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #checkIntervalMs: number;
  #timer: Timer | null = null;
  #isClosing = false;
  #onEmpty: (() => void) | null = null;

  constructor(options: KafkaDoorOptions) {
    this.#options = options;
    const { services, clock, logger, clusterId } = options;
    const limits = { ...defaultKafkaLimits, ...options.limits };
    const shareSessions = shareSessionsOver(services.shares, { limits, logger });
    this.#context = { services, clock, logger, clusterId, nodeId, limits, shareSessions };
    this.#room = new RequestRoom({
      clock,
      bytesMax: limits.requestBytesInFlightMax,
      waitMsMax: limits.requestTimeoutMs,
      waitersMax: limits.connectionsMax,
    });
    this.#replies = new ReplyRoom(clock, limits.replyBytesInFlightMax);
    const { idleTimeoutMs, requestTimeoutMs, stallTimeoutMs } = limits;
    this.#checkIntervalMs = Math.min(idleTimeoutMs, requestTimeoutMs, stallTimeoutMs) / 4;
    exportMetrics(options.registry ?? new Registry(), this.#metrics, () => this.#room.takenBytes);
    // Half-open: a client that has said its last word still hears the answers to it.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true });
    this.#server.maxConnections = limits.connectionsMax;
    this.#server.on("connection", (socket: Socket) => this.#accept(socket));
    this.#server.on("drop", () => {
      this.#metrics.connectionsDropped++;
    });
  }

  async listen(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port, backlog: listenBacklog }, () => {
        this.#server.off("error", reject);
        // From now on errors are of connections that could not be taken; those that are open go on.
        this.#server.on("error", (error) => {
          this.#options.logger.error({ err: error }, "the Kafka door cannot take a connection");
        });
        resolve();
      });
    });
    this.#checkLater();
  }

  address(): string | null {
    const address = this.#server.address() as AddressInfo | null;
    return address === null ? null : listenerText({ host: address.address, port: address.port });
  }

  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    this.#timer?.cancel();
    if (this.#server.listening) this.#server.close();
    for (const connection of this.#connections) connection.stop();
    const cut = this.#options.clock.after(deadlineMs, () => {
      for (const connection of this.#connections) connection.cut();
    });
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    cut.cancel();
    this.#room.close();
  }

  #accept(socket: Socket): void {
    if (this.#isClosing) {
      socket.destroy();
      return;
    }
    this.#metrics.connectionsAccepted++;
    this.#metrics.connectionsOpen++;
    const connection = new Connection({
      socket,
      serving,
      context: this.#context,
      metrics: this.#metrics,
      room: this.#room,
      replies: this.#replies,
      listener: listenerFor(this.#options.advertised, socket),
      onClosed: () => {
        this.#metrics.connectionsOpen--;
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#onEmpty?.();
      },
    });
    this.#connections.add(connection);
  }

  #checkLater(): void {
    const dueMs = this.#options.clock.monotonicMs() + this.#checkIntervalMs;
    this.#timer = this.#options.clock.after(this.#checkIntervalMs, () => {
      const isLate = this.#options.clock.monotonicMs() - dueMs >= stallMs;
      if (!isLate) for (const connection of this.#connections) connection.checkDeadlines();
      this.#checkLater();
    });
  }
}
