// What every door looks like to the composition root, whatever it speaks.

/** A way in: listens on one address and hands requests to the services. */
export interface Door {
  /** Starts accepting; rejects with the system's error when the address is in use. */
  listen(): Promise<void>;
  /** Where the door listens, as `http://host:port` or `host:port`; null before `listen` and after `close`. */
  address(): string | null;
  /**
   * Stops in order: accepts nothing new, answers what waits, lets running requests end, then closes what is left.
   *
   * @param deadlineMs After this long open connections are cut.
   */
  close(deadlineMs: number): Promise<void>;
}

/**
 * How many connections the system makes for a listening door before it has taken them; the system may have a lower
 * limit. Node's 511 is full when a thousand clients come back at once, and the rest try again only after seconds.
 */
export const listenBacklog = 4096;
