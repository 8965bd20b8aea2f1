// The narrow waist: what a door may ask of an engine. Types only, no logic.
//
// Every call means what Kafka's API of that name means: same nouns, same results, errors by name. Calls are
// asynchronous and made once per request or batch, never per record. No service sees a socket, a status or a version,
// and no door sees a segment. The embedded engine implements them over its own logs; an engine that sends them to an
// Apache Kafka cluster can stand in its place. Fields that Kafka does not have are marked (ours).

import type { BackupServices } from "./services/backups.ts";
import type { BrokerServices } from "./services/broker.ts";
import type { ClassicGroupServices } from "./services/classic-groups.ts";
import type { DataServices } from "./services/data.ts";
import type { GroupServices } from "./services/groups.ts";
import type { QueueServices } from "./services/queues.ts";
import type { ShareServices } from "./services/shares.ts";
import type { TopicServices } from "./services/topics.ts";
import type { TransactionServices } from "./services/transactions.ts";

export * from "./services/backups.ts";
export * from "./services/broker.ts";
export * from "./services/classic-groups.ts";
export * from "./services/data.ts";
export * from "./services/groups.ts";
export * from "./services/message-headers.ts";
export * from "./services/queues.ts";
export * from "./services/shares.ts";
export * from "./services/topics.ts";
export * from "./services/transactions.ts";

/** What `/readyz` and `/metrics` show of an engine. */
export interface EngineHealth {
  readonly ready: boolean;
  /** Sentences, empty when all is well. */
  readonly problems: readonly string[];
  /** What should be seen to before it becomes a problem; empty when all is well. */
  readonly warnings: readonly string[];
}

/** The engine as doors see it. */
export interface Services {
  readonly data: DataServices;
  readonly topics: TopicServices;
  readonly groups: GroupServices;
  readonly classicGroups: ClassicGroupServices;
  readonly transactions: TransactionServices;
  readonly shares: ShareServices;
  readonly queues: QueueServices;
  readonly broker: BrokerServices;
  readonly backups: BackupServices;
  health(): Promise<EngineHealth>;
}
