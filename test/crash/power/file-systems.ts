// File systems of a test's own: images on loop devices, and small ones in memory. Whatever is mounted is unmounted and
// every device is given back when the process ends, however it ends.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The kinds of file systems that images are made of. */
export type FileSystemKind = "ext4" | "xfs";

const tools: Readonly<Record<FileSystemKind, readonly string[]>> = {
  ext4: ["-qF", "-E", "lazy_itable_init=1,lazy_journal_init=1"],
  xfs: ["-qf"],
};

// The journal of ext4 commits every 5 s by itself, which would hide a sync that is missing. An image of XFS has the
// name of its origin, which is mounted as well.
const mountOptions: Readonly<Record<FileSystemKind, string>> = {
  ext4: "commit=600",
  xfs: "nouuid",
};

/** A mounted file system. */
export interface Mounted {
  /** Where. */
  readonly path: string;
  /** Unmounts it; its device is given back. Harmless the second time. */
  unmount(): void;
}

const mounted = new Set<Mounted>();
process.on("exit", () => {
  for (const each of [...mounted].reverse()) each.unmount();
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit(130));
}

/** Why images cannot be made and mounted here; null when they can. */
export function whyNoImages(kind: FileSystemKind): string | null {
  if (process.platform !== "linux") return "loop devices are a thing of Linux";
  if (process.getuid?.() !== 0) return "only root may mount";
  if (!existsSync("/dev/loop-control")) return "there is no /dev/loop-control";
  try {
    execFileSync(`mkfs.${kind}`, ["-V"], { stdio: "ignore" });
  } catch {
    const name = kind === "xfs" ? "xfsprogs" : "e2fsprogs";
    return `mkfs.${kind} is missing (apt-get install ${name})`;
  }
  return tryOut(kind);
}

function tryOut(kind: FileSystemKind): string | null {
  const folder = mkdtempSync(join(tmpdir(), "varve-image-"));
  try {
    const image = makeImage(join(folder, "image"), kind, 300);
    mountImage(image, kind, join(folder, "mounted")).unmount();
    return null;
  } catch (cause) {
    return `a loop device cannot be mounted here: ${String(cause).slice(0, 200)}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes an image file with an empty file system; answers its path. */
export function makeImage(path: string, kind: FileSystemKind, mebibytes: number): string {
  writeFileSync(path, "");
  truncateSync(path, mebibytes * 2 ** 20);
  run(`mkfs.${kind}`, [...tools[kind], path]);
  return path;
}

/** Mounts an image on a loop device; a journal that is there is replayed. */
export function mountImage(image: string, kind: FileSystemKind, path: string): Mounted {
  mkdirSync(path, { recursive: true });
  const device = run("losetup", ["-f", "--show", image]).trim();
  try {
    run("mount", ["-t", kind, "-o", mountOptions[kind], device, path]);
  } catch (error) {
    run("losetup", ["-d", device]);
    throw error;
  }
  return register(path, () => run("losetup", ["-d", device]));
}

/** Mounts a file system in memory of that many MiB; null where this user may not. */
export function mountMemory(path: string, mebibytes: number): Mounted | null {
  try {
    mkdirSync(path, { recursive: true });
    run("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}M`, "tmpfs", path]);
    return register(path, () => undefined);
  } catch {
    return null;
  }
}

function register(path: string, release: () => unknown): Mounted {
  const each: Mounted = {
    path,
    unmount: () => {
      if (!mounted.delete(each)) return;
      // One that is still in use is let go as soon as it is not.
      run("umount", ["-l", path]);
      release();
    },
  };
  mounted.add(each);
  return each;
}

/** Runs a program; answers its standard output. Throws with what it said. */
export function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
