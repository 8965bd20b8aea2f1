// Backups of the whole data directory, made while it is served.

/** The newest backup of this process. */
export interface BackupStatus {
  /** Where it goes: a directory of the server's machine. */
  readonly path: string;
  readonly state: "running" | "done" | "failed" | "cancelled";
  /** Unix milliseconds. */
  readonly startedMs: number;
  /** The instant it shows, Unix milliseconds; null while that is not taken. */
  readonly cutMs: number | null;
  /** Unix milliseconds; null while it runs. */
  readonly endedMs: number | null;
  readonly partitions: number;
  readonly files: number;
  /** Bytes of all its files; 0 while that is not known. */
  readonly bytes: number;
  /** Bytes read and checked so far. */
  readonly doneBytes: number;
  /** Why it failed; null otherwise. */
  readonly problem: string | null;
}

/** (ours) Backups. All methods throw LogError by name. */
export interface BackupServices {
  /** Backups may be made below this directory only; null: anywhere, for callers on this machine. */
  readonly root: string | null;
  /**
   * Begins a backup into a directory that is not there or empty, and answers while it runs. What was acknowledged
   * before the call is part of it.
   *
   * @param path Absolute.
   * @throws BACKUP_IN_PROGRESS, BACKUP_PLACE_REFUSED, INVALID_REQUEST, SERVER_STOPPING
   */
  begin(path: string): Promise<BackupStatus>;
  /** The newest one; null when there was none since the start. */
  status(): BackupStatus | null;
  /** Gives up the one that runs; resolves when it has ended. What it wrote stays and is no backup. */
  cancel(): Promise<void>;
}
