// A committed offset is the one that was committed last; where an answer was lost it may be one or the other.

import type { EventOf, SimEvent } from "../history.ts";
import { dispatch, type Handlers } from "./dispatch.ts";
import type { Report } from "./report.ts";
import type { TransactionRule } from "./transactions.ts";

interface Write {
  readonly register: Register;
  readonly value: number;
  readonly transaction: string | null;
  readonly began: number;
  ended: number | null;
}

interface Register {
  readonly name: string;
  /** What it may hold now; -1: nothing. */
  sure: Set<number>;
  /** Writes that may come to hold at any time. */
  maybe: Set<Write>;
  readonly written: Write[];
}

/** Committed offsets. */
export class RegisterRule {
  readonly #report: Report;
  readonly #transactions: TransactionRule;
  readonly #registers = new Map<string, Register>();
  readonly #writes = new Map<number, Write>();
  readonly #looks = new Map<
    number,
    { readonly register: Register; readonly allowed: Set<number> }
  >();
  #now = 0;

  readonly #handlers: Handlers = {
    write: (event) => {
      this.#begin(event);
    },
    written: (event) => {
      this.#end(this.#writes.get(event.op));
    },
    look: (event) => {
      const register = this.#at(event.register);
      this.#looks.set(event.op, { register, allowed: this.#allowed(register) });
    },
    looked: (event) => {
      this.#looked(event);
    },
    unanswered: (event) => {
      this.#looks.delete(event.op);
    },
    stopped: () => {
      this.#stopped();
    },
  };

  constructor(report: Report, transactions: TransactionRule) {
    this.#report = report;
    this.#transactions = transactions;
    transactions.onDecided((transaction, outcome) => {
      for (const write of this.#writes.values()) {
        if (write.transaction !== transaction || !write.register.maybe.has(write)) continue;
        write.register.maybe.delete(write);
        if (outcome === "commit" && write.ended !== null) this.#hold(write);
      }
    });
  }

  take(event: SimEvent): void {
    this.#now++;
    dispatch(this.#handlers, event);
  }

  #begin({ op, register: name, value, transaction }: EventOf<"write">): void {
    const register = this.#at(name);
    const write: Write = { register, value, transaction, began: this.#now, ended: null };
    this.#writes.set(op, write);
    register.maybe.add(write);
    for (const look of this.#looks.values()) {
      if (look.register === register) look.allowed.add(value);
    }
  }

  #end(write: Write | undefined): void {
    if (write === undefined) return;
    write.ended = this.#now;
    if (write.transaction !== null) return;
    write.register.maybe.delete(write);
    this.#hold(write);
  }

  // Writes that were under way at the same time may have come in either order.
  #hold(write: Write): void {
    const { register, value, began } = write;
    const beside = register.written.filter(({ ended }) => (ended ?? 0) > began);
    register.sure = new Set([value, ...beside.map((each) => each.value)]);
    register.written.push(write);
    for (const look of this.#looks.values()) {
      if (look.register === register) look.allowed.add(value);
    }
  }

  #looked({ op, value }: EventOf<"looked">): void {
    const look = this.#looks.get(op);
    if (look === undefined) return;
    this.#looks.delete(op);
    const { register } = look;
    const allowed = new Set([...look.allowed, ...this.#allowed(register)]);
    if (!allowed.has(value)) {
      const detail = `${register.name} is ${value}, not ${[...allowed].join(" or ")}`;
      this.#report("a committed offset is never taken back", detail);
      return;
    }
    const owner = [...register.maybe].find((write) => write.value === value);
    if (owner?.transaction != null && !register.sure.has(value)) {
      this.#transactions.decide(owner.transaction, "commit", `${register.name} is ${value}`);
    }
  }

  // What was under way has happened by now, or never will; transactions go on.
  #stopped(): void {
    for (const register of this.#registers.values()) {
      for (const write of register.maybe) {
        if (write.transaction !== null) continue;
        register.maybe.delete(write);
        register.sure.add(write.value);
        // The answer to one that came before it may still be on its way.
        write.ended = this.#now;
        register.written.push(write);
      }
    }
  }

  #allowed(register: Register): Set<number> {
    return new Set([...register.sure, ...[...register.maybe].map(({ value }) => value)]);
  }

  #at(name: string): Register {
    let register = this.#registers.get(name);
    if (register === undefined) {
      register = { name, sure: new Set([-1]), maybe: new Set(), written: [] };
      this.#registers.set(name, register);
    }
    return register;
  }
}
