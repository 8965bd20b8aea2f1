// Who stands by inside the server and counts what it comes past; nothing of it is told to the checker.

import type { Logger } from "../../src/base/logger.ts";
import { type BrokerObserver, silentBrokerObserver } from "../../src/broker/broker-settings.ts";
import type { Coverage } from "./coverage.ts";

/** A logger and an observer that count what they hear. */
export function witnesses(coverage: Coverage): {
  readonly logger: Logger;
  readonly observer: BrokerObserver;
} {
  const note = (level: string) => (_facts: object, message: string) => {
    coverage.hit(`log ${level}: ${message}`);
  };
  const logger = {
    debug: note("debug"),
    info: note("info"),
    warn: note("warn"),
    error: note("error"),
  };
  const observer: BrokerObserver = {
    ...silentBrokerObserver,
    recovered: ({ cutBytes, scannedBytes }) => {
      if (cutBytes > 0) coverage.hit("state recovery cut a torn tail");
      if (scannedBytes > 0) coverage.hit("state recovery scanned");
    },
  };
  return { logger, observer };
}
