// `npm run torture:faults -- --every 5`: one fault of the disk after the other, with progress.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nameOf, sweepFaults } from "./fault-sweep.ts";
import { compiledShim, type ShimPlan } from "./shim.ts";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "any" },
    actions: { type: "string", default: "eio,exit" },
    from: { type: "string", default: "1" },
    to: { type: "string", default: "400" },
    every: { type: "string", default: "1" },
    "load-ms": { type: "string", default: "300" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    help: { type: "boolean", default: false },
  },
});

const shim = compiledShim();
if (values.help) {
  console.log("usage: npm run torture:faults -- [--calls any] [--actions eio,exit] [--from 1]");
  console.log("                                 [--to 400] [--every 1] [--load-ms 300] [--seed N]");
  console.log("example: npm run torture:faults -- --calls fdatasync,rename --every 3");
  console.log(
    "The n-th call to the operating system about the server's files fails with EIO, or the",
  );
  console.log("server dies before it; then it starts again. Needs a C compiler.");
} else if ("missing" in shim) {
  console.log(`skipped: ${shim.missing}`);
  process.exitCode = 2;
} else {
  const plans: ShimPlan[] = [];
  for (let at = Number(values.from); at <= Number(values.to); at += Number(values.every)) {
    for (const call of values.calls.split(",")) {
      for (const action of values.actions.split(",")) {
        if (action === "eio" || action === "exit") plans.push({ call, at, action });
      }
    }
  }
  const folder = mkdtempSync(join(tmpdir(), "varve-faults-"));
  console.log(`seed ${values.seed}, ${plans.length} faults, data in ${folder}`);
  const startedAt = performance.now();
  const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
  const facts = await sweepFaults({
    folder,
    library: shim.tool,
    plans,
    seed: Number(values.seed),
    loadMs: Number(values["load-ms"]),
    onPlan: (plan, each) => {
      if (each.plans % 10 !== 0 && each.plans !== 1) return;
      console.log(
        `${nameOf(plan)}: ${each.plans} of ${plans.length}, ${each.met} met, ${each.refused} refused, ` +
          `${each.acknowledged} acknowledged, ${seconds()}`,
      );
    },
  });
  for (const problem of facts.problems) console.log(problem);
  console.log(
    `${facts.plans} faults (${facts.met} met), ${facts.acknowledged} acknowledged records, ` +
      `${facts.checked} records checked, ${facts.problems.length} problems, ${seconds()}`,
  );
  if (facts.problems.length === 0) rmSync(folder, { recursive: true });
  process.exitCode = facts.problems.length === 0 ? 0 : 1;
}
