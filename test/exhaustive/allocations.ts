// The largest piece of memory asked for at once: what a damaged length must not decide.

type Allocate = (size: number, ...rest: never[]) => Buffer;

const names = ["alloc", "allocUnsafe", "allocUnsafeSlow"] as const;

/** Watches buffers and byte arrays that are made, until `stop`. */
export function watchAllocations(): {
  /** Bytes of the largest since the last call. */
  take(): number;
  stop(): void;
} {
  let largest = 0;
  const before = names.map((name) => Buffer[name] as Allocate);
  const bytesBefore = globalThis.Uint8Array;
  names.forEach((name, index) => {
    const original = before[index];
    Object.assign(Buffer, {
      [name]: (size: number, ...rest: never[]): Buffer => {
        largest = Math.max(largest, size);
        return original?.call(Buffer, size, ...rest) ?? Buffer.from([]);
      },
    });
  });
  globalThis.Uint8Array = new Proxy(bytesBefore, {
    construct(target, given: [unknown], newTarget) {
      if (typeof given[0] === "number") largest = Math.max(largest, given[0]);
      return Reflect.construct(target, given, newTarget) as object;
    },
  });
  return {
    take() {
      const taken = largest;
      largest = 0;
      return taken;
    },
    stop() {
      names.forEach((name, index) => Object.assign(Buffer, { [name]: before[index] }));
      globalThis.Uint8Array = bytesBefore;
    },
  };
}
