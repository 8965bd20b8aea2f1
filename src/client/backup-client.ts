// The server's backup over HTTP: begin, look, give up.

import type { HttpTransport } from "./http-transport.ts";
import { encodeBody } from "./message-pack.ts";

/** A backup of the server's whole data directory. */
export interface BackupDetails {
  /** A directory of the server's machine. */
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

const path = "/v1/admin/backup";

/** Calls about the backup. Everything throws VarveError. */
export class BackupClient {
  readonly #transport: HttpTransport;

  /** @param transport Where the server is. */
  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  /**
   * Begins a backup; it goes on when this has resolved.
   *
   * @param target Absolute path of a new or empty directory of the server's machine.
   * @throws BACKUP_IN_PROGRESS, BACKUP_PLACE_REFUSED
   */
  async begin(target: string): Promise<BackupDetails> {
    const body = encodeBody({ path: target });
    const reply = await this.#transport.call({ method: "POST", path, body, resend: "unsent" });
    return reply.body as BackupDetails;
  }

  /** The newest backup. @throws NOT_FOUND when there was none since the server started */
  async show(): Promise<BackupDetails> {
    const reply = await this.#transport.call({ method: "GET", path, resend: "always" });
    return reply.body as BackupDetails;
  }

  /** Gives up the backup that is being made; harmless when there is none. */
  async cancel(): Promise<void> {
    await this.#transport.call({ method: "DELETE", path, resend: "always" });
  }
}
