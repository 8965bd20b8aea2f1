// Faults that somebody could make any day, each a small change of the source, and who is to find it.

/** How a fault is hunted: `exhaustive` and `tests` name what they are run with; `simulate` runs its seeds. */
export interface Hunt {
  readonly by: "exhaustive" | "tests" | "simulate";
  readonly args: readonly string[];
}

/** One planted fault. */
export interface PlantedFault {
  readonly name: string;
  /** What is wrong, in one sentence. */
  readonly meaning: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly search: string;
  readonly replace: string;
  /** Tried in this order until one finds it, besides the simulation. */
  readonly hunts: readonly Hunt[];
}

/** A source's text with a fault in it; null when it no longer fits. */
export function withFault(text: string, { search, replace }: PlantedFault): string | null {
  const parts = text.split(search);
  return parts.length === 2 ? parts.join(replace) : null;
}

// Every third call is enough where a promise breaks wherever the machine stops.
function crash(workload: string, stride = 3): Hunt {
  const args = ["--part", "crash", "--only", workload, "--stride", String(stride), "--stop"];
  return { by: "exhaustive", args };
}

function damage(end: string, stride = 1): Hunt {
  const args = ["--part", "damage", "--only", end, "--stride", String(stride), "--stop"];
  return { by: "exhaustive", args };
}

function tests(...files: readonly string[]): Hunt {
  return { by: "tests", args: files };
}

/** All of them. */
export const plantedFaults: readonly PlantedFault[] = [
  {
    name: "skip-a-sync",
    meaning: "a segment counts as durable without having been synced",
    file: "src/log/active-segment.ts",
    search: "    await this.#file?.sync();\n    this.#undoneDurably",
    replace: "    await Promise.resolve();\n    this.#undoneDurably",
    hunts: [crash("append")],
  },
  {
    name: "ack-before-sync",
    meaning: "acks=all is answered when the batch is written",
    file: "src/log/log-writer.ts",
    search: "    group.written.resolve();\n    if (group.bytes === 0) {",
    replace:
      "    group.written.resolve();\n    group.durable.resolve();\n    if (group.bytes === 0) {",
    hunts: [crash("append")],
  },
  {
    name: "index-off-by-one",
    meaning: "the index answers the entry behind the one looked for",
    file: "src/log/offset-index.ts",
    search:
      "      if (this.relativeOffsetOf(middle) <= relativeOffset) low = middle + 1;\n" +
      "      else high = middle;\n    }\n    return low - 1;",
    replace:
      "      if (this.relativeOffsetOf(middle) <= relativeOffset) low = middle + 1;\n" +
      "      else high = middle;\n    }\n    return Math.min(low, this.#count - 1);",
    hunts: [crash("roll")],
  },
  {
    name: "trust-the-index-end",
    meaning: "a sealed segment ends where its index ends",
    file: "src/log/log-recovery.ts",
    search: "      if (result.damage === null) return result.end;",
    replace:
      "      if (result.damage === null) {\n" +
      "        const offset = segment.baseOffset + index.relativeOffsetOf(index.count - 1) + 1;\n" +
      "        return { offset, position };\n      }",
    hunts: [damage("/checkpoint")],
  },
  {
    name: "skip-directory-sync",
    meaning: "a new segment's name is not made durable",
    file: "src/log/log-writer.ts",
    search: "      await file.close();\n      await disk.syncDirectory(directory);",
    replace: "      await file.close();",
    hunts: [crash("roll", 2)],
  },
  {
    name: "skip-directory-sync-of-a-replacement",
    meaning: "a checkpoint is renamed into place and the directory not synced",
    file: "src/storage/disk.ts",
    search: "    throw error;\n  }\n  await disk.syncDirectory(parentOf(path));",
    replace: "    throw error;\n  }",
    hunts: [crash("retention")],
  },
  {
    name: "reuse-an-offset",
    meaning: "after a start the last offset is given to another record",
    file: "src/log/log-recovery.ts",
    search: "    const { end, hasProducers } = finding;",
    replace:
      "    const { hasProducers } = finding;\n" +
      "    const offset = Math.max(logStartOffset, finding.end.offset - 1);\n" +
      "    const end = { ...finding.end, offset };",
    hunts: [crash("append")],
  },
  {
    name: "forget-the-directory-lock",
    meaning: "a second process may open the same directory",
    file: "src/storage/data-directory.ts",
    search: "const unlock = await disk.lock(`${path}/.lock`);",
    replace: "const unlock = (): Promise<void> => Promise.resolve();",
    hunts: [crash("append")],
  },
  {
    name: "forget-the-turn",
    meaning: "what is done under one key is no longer done one after the other",
    file: "src/broker/turns.ts",
    search: "const turn = before === undefined ? work() : before.then(work);",
    replace: "const turn = work();",
    hunts: [tests("test/broker/turns", "test/share/deliveries"), crash("queue")],
  },
  {
    name: "apply-before-append",
    meaning:
      "a state machine changes before its event is in the log, also when it never gets there",
    file: "src/coordinator/coordinator.ts",
    search:
      "    const pending = this.#append(encoded, nowMs);\n    try {\n" +
      "      for (const event of events) machine.apply(event, nowMs);\n    } catch (error) {",
    replace:
      "    for (const event of events) machine.apply(event, nowMs);\n" +
      "    const pending = this.#append(encoded, nowMs);\n    try {\n      encoded.at(0);\n" +
      "    } catch (error) {",
    hunts: [crash("refusals")],
  },
  {
    name: "answer-before-append",
    meaning: "a command is answered before its events are durable",
    file: "src/coordinator/coordinator.ts",
    search: "    if (tail !== null) await this.#durable(tail);",
    replace: "    if (tail !== null) this.#durable(tail).catch(() => undefined);",
    hunts: [crash("append")],
  },
  {
    name: "cut-below-the-recovery-point",
    meaning: "a damaged tail is looked for from the segment's start and cut wherever it begins",
    file: "src/log/log-recovery.ts",
    search: "  return scanFrom(options, segments, { index, from, holesBelow });",
    replace:
      "  const start = { offset: segmentBase, position: 0 };\n" +
      "  return scanFrom(options, segments, { index, from: start, holesBelow });",
    hunts: [damage("__consumer_offsets-0/00000000000000000000.log", 7)],
  },
  {
    name: "lose-a-marker",
    meaning: "one partition of a transaction is never told how it ended",
    file: "src/transaction/completer.ts",
    search: "    return tryEach(partitions, (place) => this.#options.markers",
    replace: "    return tryEach(partitions.slice(0, 1), (place) => this.#options.markers",
    hunts: [crash("transactions")],
  },
  {
    name: "count-a-delivery-twice",
    meaning: "a message that comes again has been delivered once more than it was",
    file: "src/share/leasing.ts",
    search: "    const deliveries = fate.deliveries + 1;",
    replace: "    const deliveries = fate.deliveries + (fate.deliveries > 0 ? 2 : 1);",
    hunts: [crash("queue")],
  },
  {
    name: "drop-an-abort-range",
    meaning: "aborted transactions that began before the fetch are not named",
    file: "src/log/aborted-lookup.ts",
    search: "    if (span.firstOffset < to) found.push(span);",
    replace: "    if (span.firstOffset > from && span.firstOffset < to) found.push(span);",
    hunts: [crash("transactions")],
  },
  {
    name: "lease-given-twice",
    meaning: "a lease is answered before it is durable, so that a crash forgets it",
    file: "src/share/deliveries.ts",
    search: "    await attempt.durable;\n    return attempt;",
    replace: "    return attempt;",
    hunts: [crash("queue")],
  },
  {
    name: "settle-without-durability",
    meaning: "an acknowledgement is answered before it is durable",
    file: "src/queue/queues.ts",
    search:
      "    return this.#engine.run(queue, (nowMs) => decideSettle(group, answers, { nowMs, random }));",
    replace:
      "    let results: readonly (ErrorName | null)[] = [];\n" +
      "    const run = this.#engine.run(queue, (nowMs) => {\n" +
      "      const decision = decideSettle(group, answers, { nowMs, random });\n" +
      "      if (!(decision.reply instanceof LogError)) results = decision.reply;\n" +
      "      return decision;\n    });\n" +
      "    run.catch(() => undefined);\n    return results;",
    hunts: [crash("queue")],
  },
  {
    name: "committed-offset-taken-back",
    meaning: "a state's log is trimmed past the snapshot that replaces it",
    file: "src/coordinator/coordinator.ts",
    search: "      await log.trim(firstOffset);",
    replace: "      await log.trim(log.positions().highWatermark);",
    hunts: [crash("snapshot")],
  },
  {
    name: "recovery-point-ahead",
    meaning: "the checkpoint says that what is only written is durable",
    file: "src/log/log-state.ts",
    search: "    const { offset, position } = this.active.durable;",
    replace: "    const { offset, position } = this.active.written;",
    hunts: [crash("append without sync", 1)],
  },
  {
    name: "remove-before-the-start-is-durable",
    meaning: "segments are removed before the checkpoint knows the new log start",
    file: "src/log/log-retention.ts",
    search: "      await state.options.persistCheckpoint();",
    replace: "      void state.options.persistCheckpoint().catch(() => undefined);",
    hunts: [crash("retention")],
  },
  {
    name: "show-what-is-not-durable",
    meaning: "after a start records are shown that were only in the page cache",
    file: "src/log/log-recovery.ts",
    search: "    await writeAgain(options, { segment, file, from, end });",
    replace: "    await disk.syncDirectory(directory);",
    hunts: [crash("append")],
  },
  {
    name: "no-checksum-at-read",
    meaning: "stored batches are handed out without a look at their checksum",
    file: "src/log/segment-reader.ts",
    search: "    if (!isKnownGood(from, walk) && !walk.isChecksumGood()) break;",
    replace: "",
    hunts: [damage("t-0/00000000000000000000.log", 11)],
  },
  {
    name: "write-back-from-a-copy-that-may-go",
    meaning:
      "a recovery that was interrupted is taken up from a copy whose name may not be durable",
    file: "src/log/log-redo.ts",
    search: "      await replaceCopy(options, copy, { path, size });\n",
    replace: "",
    hunts: [tests("test/log/log-redo")],
  },
  {
    name: "show-a-start-that-may-go",
    meaning: "readers are told of a log start before the checkpoint has it",
    file: "src/log/log-retention.ts",
    search: "    state.planStart(offset);\n",
    replace: "    state.planStart(offset);\n    state.startAt(offset);\n",
    hunts: [tests("test/log/log-retention")],
  },
  {
    name: "forget-a-deletion",
    meaning: "compaction lets deletions of keys go at once",
    file: "src/log/compaction-rules.ts",
    search: '    return horizonMs === null || horizonMs > nowMs ? "fades" : "goes";',
    replace: '    return "goes";',
    hunts: [tests("test/log/compaction-rules")],
  },
  {
    name: "believe-a-clock-set-back",
    meaning: "leases last until a clock that was set back has come to their end again",
    file: "src/share/set-back.ts",
    search: "    return backMs > toleranceMs ? backMs : 0;",
    replace: "    return 0;",
    hunts: [tests("test/share/set-back")],
  },
];
