// Where clients are told to connect: Kafka clients leave the address they were given first, and go to the one that the
// answers name.

import { LogError } from "../../base/error.ts";
import type { Listener } from "./handler.ts";

/**
 * The rule. An advertised address that was set is told to everybody. Else a client is told the address and port it
 * reached, as this side of its connection sees them: it has just shown that it can reach those. That is true for
 * loopback, for any interface of the machine, and inside a network of containers. It is false where something in
 * between rewrites the address or the port (a tunnel, a published container port, a load balancer): nothing of that is
 * visible here, which is what the setting is for.
 *
 * @param advertised The setting; null when there is none.
 * @param local      This side of the client's connection.
 */
export function listenerFor(
  advertised: Listener | null,
  local: { readonly localAddress?: string | undefined; readonly localPort?: number | undefined },
): Listener {
  if (advertised !== null) return advertised;
  return { host: plainAddress(local.localAddress ?? ""), port: local.localPort ?? 0 };
}

/** An address as people write it: an IPv4 address that came in over an IPv6 socket loses its prefix. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}

/**
 * Reads `host:port`, `[::1]:port` for IPv6.
 *
 * @throws INVALID_CONFIG when the text is neither.
 */
export function parseListener(text: string): Listener {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text);
  const host = parts?.[1] ?? parts?.[2];
  const port = Number(parts?.[3]);
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
  throw new LogError("INVALID_CONFIG", `an advertised address is host:port, not '${text}'`);
}

/** `host:port`, with brackets where the host has colons. */
export function listenerText({ host, port }: Listener): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
