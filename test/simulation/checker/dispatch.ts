// How a rule takes the events that concern it, and passes over the others.

import type { EventOf, SimEvent } from "../history.ts";

/** What a rule does with each kind of event; kinds that are not named do not concern it. */
export type Handlers = {
  readonly [Type in SimEvent["type"]]?: (event: EventOf<Type>) => void;
};

/** Hands an event to whoever takes its kind. */
export function dispatch(handlers: Handlers, event: SimEvent): void {
  const handler = handlers[event.type] as ((event: SimEvent) => void) | undefined;
  handler?.(event);
}
