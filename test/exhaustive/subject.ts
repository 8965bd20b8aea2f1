// What the harness of crash points holds to its promises: anything that lives on a disk, does its work in calls to it,
// and can say afterwards whether what it answered is still true.

import type { FaultyDisk } from "../support/faulty-disk.ts";

/** How a machine or process ended. */
export type Stop = "kill" | "power";

/** Something on a disk, with a memory of what it promised that outlives the disk. */
export interface Subject {
  /** Opens what the disk holds. What was open before is abandoned, as after the death of the process. */
  open(disk: FaultyDisk): Promise<void>;
  /** What is there before the work begins; nothing stops it. */
  prepare(): Promise<void>;
  /** The work during which the machine is stopped at each call to the disk. */
  run(): Promise<void>;
  /** Tells how the disk before came to its end: what only the page cache held may be gone after `power`. */
  stopped(how: Stop): void;
  /** Holds what is open to all that was promised; one sentence a broken promise. What was seen is promised from now. */
  check(): Promise<readonly string[]>;
  /** Goes on as if nothing had happened, with new promises. */
  goOn(): Promise<void>;
}

/** Work to be interrupted. */
export interface Workload {
  readonly name: string;
  /** The disk that each case gets a copy of. */
  base(): Promise<FaultyDisk>;
  /** A subject that has promised nothing yet. */
  make(): Subject;
}
