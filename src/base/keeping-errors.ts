// The rows of the error table that the keeping of data brought: backups and restores.

/** Rows as in `error-table.ts`. */
export const keepingErrors = {
  BACKUP_IN_PROGRESS: {
    title: "A backup is being made",
    retriable: true,
    meaning: "One backup is made at a time (ours).",
  },
  BACKUP_PLACE_REFUSED: {
    title: "No place for a backup",
    retriable: false,
    meaning:
      "A backup, or a restored directory, cannot go where it is asked for: something is there, it lies inside the data " +
      "directory, or the settings do not allow it (ours).",
  },
  BACKUP_DAMAGED: {
    title: "Damaged backup",
    retriable: false,
    meaning: "The backup is incomplete, or a file of it is not what its manifest says (ours).",
  },
} as const;
