// The names of the disk in memory: directories whose entries programs see at once and the platter learns later.

import { LogError } from "../../src/base/error.ts";
import { type CrashPlan, MemoryFile } from "./memory-file.ts";

/** A directory: entries as programs see them and as a power cut would leave them at the least. */
export class MemoryDirectory {
  readonly entries = new Map<string, MemoryNode>();
  readonly durable = new Map<string, MemoryNode>();
}

/** What a name may stand for. */
export type MemoryNode = MemoryFile | MemoryDirectory;

interface NameEdit {
  readonly directory: MemoryDirectory;
  readonly name: string;
  /** What the name stands for afterwards; null when it is gone. */
  readonly node: MemoryNode | null;
}

interface NameChange {
  readonly sequence: number;
  /** The file or directory that is made, moved or removed. */
  readonly subject: MemoryNode;
  /** The first edit names the directory whose sync makes the whole change durable. */
  readonly edits: readonly NameEdit[];
}

interface Place {
  readonly directory: MemoryDirectory;
  readonly name: string;
}

/** A tree of directories with pending name changes. */
export class MemoryTree {
  readonly #root: MemoryDirectory;
  #changes: NameChange[] = [];

  constructor(root = new MemoryDirectory()) {
    this.#root = root;
  }

  /** The node at a path; null when there is none. */
  find(path: string): MemoryNode | null {
    let node: MemoryNode | undefined = this.#root;
    for (const name of namesOf(path)) {
      if (!(node instanceof MemoryDirectory)) return null;
      node = node.entries.get(name);
    }
    return node ?? null;
  }

  /** Puts a new node where nothing is yet. */
  add(path: string, node: MemoryNode, sequence: number): void {
    const place = this.#placeOf(path);
    this.#change({ sequence, subject: node, edits: [{ ...place, node }] });
  }

  /** Gives a file a second name. */
  link(from: string, to: string, sequence: number): void {
    const node = this.find(from);
    if (node === null) throw systemError("ENOENT", `no such file to link: ${from}`);
    if (this.find(to) !== null) throw systemError("EEXIST", `exists: ${to}`);
    this.add(to, node, sequence);
  }

  /** Moves a node; the change is one: after a crash it happened or it did not. */
  rename(from: string, to: string, sequence: number): void {
    const source = this.#placeOf(from);
    const target = this.#placeOf(to);
    const subject = source.directory.entries.get(source.name);
    if (subject === undefined) throw systemError("ENOENT", `no such file to rename: ${from}`);
    const replaced = target.directory.entries.get(target.name);
    if (replaced === subject) return;
    if (replaced instanceof MemoryDirectory) {
      if (subject instanceof MemoryFile) throw systemError("EISDIR", `${to} is a directory`);
      if (replaced.entries.size > 0) throw systemError("ENOTEMPTY", `${to} is not empty`);
    } else if (replaced !== undefined && subject instanceof MemoryDirectory) {
      throw systemError("ENOTDIR", `${to} is not a directory`);
    }
    const edits = [
      { ...target, node: subject },
      { ...source, node: null },
    ];
    this.#change({ sequence, subject, edits });
  }

  /** Removes a node; what is inside a directory goes first, entry by entry, as a real removal does. */
  remove(path: string, nextSequence: () => number): void {
    const node = this.find(path);
    if (node === null) return;
    if (node instanceof MemoryDirectory) {
      for (const name of node.entries.keys()) this.remove(`${path}/${name}`, nextSequence);
    }
    const edits = [{ ...this.#placeOf(path), node: null }];
    this.#change({ sequence: nextSequence(), subject: node, edits });
  }

  /** Makes the names in one directory durable, up to and including `sequence`. */
  sync(directory: MemoryDirectory, sequence: number): void {
    const due = new Set<NameChange>();
    const subjects = new Set<MemoryNode>();
    // Backwards: whatever led to a change that becomes durable (made elsewhere, then moved here) comes with it.
    for (const change of this.#changes.toReversed()) {
      const isHere = change.edits[0]?.directory === directory && change.sequence <= sequence;
      if (!isHere && !subjects.has(change.subject)) continue;
      due.add(change);
      subjects.add(change.subject);
    }
    for (const change of this.#changes) {
      if (due.has(change)) applyTo(change, (at) => at.durable);
    }
    this.#changes = this.#changes.filter((change) => !due.has(change));
  }

  /** `sync` of the root. */
  syncRoot(sequence: number): void {
    this.sync(this.#root, sequence);
  }

  /** True when no name anywhere is waiting for a directory sync. */
  get isDurable(): boolean {
    return this.#changes.length === 0;
  }

  /** The tree as a power cut leaves it; this one stays as it is. */
  afterCrash(plan: CrashPlan): MemoryTree {
    const views = new Map<MemoryDirectory, Map<string, MemoryNode>>();
    const viewOf = (directory: MemoryDirectory): Map<string, MemoryNode> => {
      const view = views.get(directory) ?? new Map(directory.durable);
      views.set(directory, view);
      return view;
    };
    // Changes of one subject keep their order, or a file moved twice could come back under two names.
    const stopped = new Set<MemoryNode>();
    for (const change of this.#changes) {
      if (!stopped.has(change.subject) && nameSurvives(change, plan)) applyTo(change, viewOf);
      else stopped.add(change.subject);
    }
    // A file of two names stays one file.
    const files = new Map<MemoryFile, MemoryFile>();
    const left = (file: MemoryFile): MemoryFile => {
      const kept = files.get(file) ?? file.afterCrash(plan);
      files.set(file, kept);
      return kept;
    };
    const copy = (directory: MemoryDirectory): MemoryDirectory => {
      const copied = new MemoryDirectory();
      for (const [name, node] of viewOf(directory)) {
        const kept = node instanceof MemoryFile ? left(node) : copy(node);
        copied.entries.set(name, kept);
        copied.durable.set(name, kept);
      }
      return copied;
    };
    return new MemoryTree(copy(this.#root));
  }

  /** All files with their paths, sorted by path. */
  files(): (readonly [string, MemoryFile])[] {
    const found: (readonly [string, MemoryFile])[] = [];
    const walk = (directory: MemoryDirectory, prefix: string): void => {
      for (const [name, node] of directory.entries) {
        const path = `${prefix}/${name}`;
        if (node instanceof MemoryFile) found.push([path, node]);
        else walk(node, path);
      }
    };
    walk(this.#root, "");
    return found.toSorted(([one], [other]) => (one < other ? -1 : 1));
  }

  #placeOf(path: string): Place {
    const names = namesOf(path);
    const name = names.pop();
    const directory = this.find(names.join("/"));
    if (name === undefined) throw systemError("EINVAL", "the root itself cannot be changed");
    if (directory === null) throw systemError("ENOENT", `no such directory: ${names.join("/")}`);
    if (directory instanceof MemoryFile) throw systemError("ENOTDIR", `not a directory: ${path}`);
    return { directory, name };
  }

  #change(change: NameChange): void {
    applyTo(change, (at) => at.entries);
    this.#changes.push(change);
  }
}

/** A LogError as the real disk throws it, its cause carrying the system's code. */
export function systemError(code: string, detail: string): LogError {
  const cause = Object.assign(new Error(`${code}: ${detail}`), { code });
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new LogError(isFull ? "DISK_FULL" : "KAFKA_STORAGE_ERROR", detail, { cause });
}

function applyTo(
  change: NameChange,
  entriesOf: (directory: MemoryDirectory) => Map<string, MemoryNode>,
): void {
  for (const { directory, name, node } of change.edits) {
    const entries = entriesOf(directory);
    if (node !== null) entries.set(name, node);
    // The name may stand for something newer by now: a move takes away only what it moved.
    else if (entries.get(name) === change.subject) entries.delete(name);
  }
}

function nameSurvives(change: NameChange, plan: CrashPlan): boolean {
  if (plan.mode === "none" || plan.mode === "all") return plan.mode === "all";
  if (plan.mode === "prefix") return change.sequence < plan.cutSequence;
  return plan.random.below(2) === 0;
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
