// `npm run torture:backup -- --cycles 20 --seed 1`: backups and restores with kills, as long as wanted.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { backupTorture } from "./backup-torture.ts";

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    lines: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(`usage: npm run torture:backup -- [--cycles 20] [--seed N] [--lines file.log]

Backups of a server under load; the server or the restore is killed in the middle. Every backup that is whole is restored,
checked, served and compared with what had been acknowledged before it was begun.

example: npm run torture:backup -- --cycles 50 --seed 7 --lines /var/log/syslog`);
} else {
  const root = mkdtempSync(join(tmpdir(), "varve-torture-backup-"));
  console.log(`seed ${values.seed}, everything in ${root}`);
  const facts = await backupTorture({
    root,
    cycles: Number(values.cycles),
    seed: Number(values.seed),
    lines: values.lines ?? null,
    onCycle: (cycle, what) => console.log(`cycle ${cycle}: ${what}`),
  });
  for (const problem of facts.problems) console.log(problem);
  const { acknowledged, backups, serverKills, restoreKills, compared, problems } = facts;
  console.log(
    `${acknowledged} acknowledged, ${backups} backups restored, ${compared} records compared, ` +
      `${serverKills} servers and ${restoreKills} restores killed: ${problems.length} problems`,
  );
  if (problems.length === 0) rmSync(root, { recursive: true });
  process.exitCode = problems.length === 0 ? 0 : 1;
}
