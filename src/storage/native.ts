// The five calls of the C library that Node lacks: mmap, munmap, madvise, fallocate, flock. Everything unsafe is here.
//
// Only on 64-bit Linux, and only when koffi loads; elsewhere `native` is null and its users do without.

import { createRequire } from "node:module";
import type * as koffiModule from "koffi";

/** What a native call reports: 0 or an errno. */
export type Errno = number;

/** An address in this process, or an errno when there is none. */
export type MapResult =
  | { readonly address: bigint; readonly errno: 0 }
  | { readonly address: null; readonly errno: Errno };

/** The native calls, with C's habits taken off. */
export interface Native {
  /** Maps the first `length` bytes (1 or more) of an open file, read-only and shared. */
  map(descriptor: number, length: number): MapResult;
  /** Ends a map. Whoever touches it later dies. */
  unmap(address: bigint, length: number): Errno;
  /** Bytes at an address without a copy; nothing keeps them alive. `length` is at most 2^31. */
  bufferAt(address: bigint, length: number): ArrayBuffer;
  /** Reads a mapped range into memory from a pool thread; errno EFAULT when it cannot be read. */
  populate(address: bigint, length: number): Promise<Errno>;
  /** Reserves blocks for [0, length) from a pool thread without changing the size. */
  reserve(descriptor: number, length: number): Promise<Errno>;
  /** Takes an exclusive lock without waiting; it ends when the descriptor is closed. */
  lock(descriptor: number): Errno;
  /** Size of a memory page, bytes. */
  readonly pageBytes: number;
}

/** Error numbers of Linux that callers tell apart. */
export const errno = {
  EINTR: 4,
  EAGAIN: 11,
  EINVAL: 22,
  ENOSPC: 28,
  ENOSYS: 38,
  EOPNOTSUPP: 95,
  EDQUOT: 122,
} as const;

const protRead = 1;
const mapShared = 1;
const mapFailed = 0xffff_ffff_ffff_ffffn;
const fallocateKeepSize = 1;
const adviceWillNeed = 3;
const advicePopulateRead = 22;
const lockExclusiveNoWait = 6;
// koffi refuses more than 256 asynchronous calls at once; the thread pool has four threads anyway.
const callsAtOnceMax = 64;

type Koffi = typeof koffiModule;
type Finish = (error: unknown, result: number) => void;

/** Runs asynchronous native calls, a bounded number at a time, the rest in order of arrival. */
class CallQueue {
  readonly #koffi: Koffi;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(koffi: Koffi) {
    this.#koffi = koffi;
  }

  /** Resolves to 0 or the errno that the call left. */
  run(start: (finish: Finish) => void): Promise<Errno> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        this.#running++;
        start((error, result) => {
          // errno belongs to this call only until the next one: read it before anything else.
          const code = result === 0 ? 0 : this.#koffi.errno();
          this.#running--;
          this.#waiting.shift()?.();
          if (error === null || error === undefined) resolve(code);
          else reject(error instanceof Error ? error : new Error(String(error)));
        });
      };
      if (this.#running < callsAtOnceMax) begin();
      else this.#waiting.push(begin);
    });
  }
}

function bind(koffi: Koffi): Native {
  // The process itself rather than a library by name: whichever C library runs, and shims before it, are used.
  const library = koffi.load(null);
  const mmap = library.func(
    "void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)",
  ) as unknown as (...args: [null, number, number, number, number, number]) => bigint;
  const munmap = library.func("int munmap(void *addr, size_t length)") as unknown as (
    address: bigint,
    length: number,
  ) => number;
  const madvise = library.func(
    "int madvise(void *addr, size_t length, int advice)",
  ) as unknown as koffiModule.KoffiFunc<
    (address: bigint, length: number, advice: number) => number
  >;
  const fallocate = library.func(
    "int fallocate(int fd, int mode, int64_t offset, int64_t length)",
  ) as unknown as koffiModule.KoffiFunc<(...args: [number, number, number, number]) => number>;
  const flock = library.func("int flock(int fd, int operation)") as unknown as (
    descriptor: number,
    operation: number,
  ) => number;
  const getpagesize = library.func("int getpagesize()") as unknown as () => number;
  const queue = new CallQueue(koffi);
  const advise = (address: bigint, length: number, advice: number): Promise<Errno> =>
    queue.run((finish) => madvise.async(address, length, advice, finish));

  return {
    pageBytes: getpagesize(),
    map(descriptor, length) {
      const address = mmap(null, length, protRead, mapShared, descriptor, 0);
      if (address === mapFailed) return { address: null, errno: koffi.errno() };
      return { address, errno: 0 };
    },
    unmap: (address, length) => (munmap(address, length) === 0 ? 0 : koffi.errno()),
    bufferAt: (address, length) => koffi.view(address, length),
    async populate(address, length) {
      const code = await advise(address, length, advicePopulateRead);
      // Kernels before 5.14 do not know the advice; read-ahead is the best they have.
      return code === errno.EINVAL ? advise(address, length, adviceWillNeed) : code;
    },
    reserve: (descriptor, length) =>
      queue.run((finish) => fallocate.async(descriptor, fallocateKeepSize, 0, length, finish)),
    lock: (descriptor) => (flock(descriptor, lockExclusiveNoWait) === 0 ? 0 : koffi.errno()),
  };
}

function load(): Native | null {
  const is64Bit = ["x64", "arm64", "ppc64", "riscv64", "s390x", "loong64"].includes(process.arch);
  if (process.platform !== "linux" || !is64Bit) return null;
  try {
    return bind(createRequire(import.meta.url)("koffi") as Koffi);
  } catch {
    // No binary for this machine: plain reads and a lock file do the same work, slower.
    return null;
  }
}

/** The native calls; null where there are none. */
export const native: Native | null = load();
