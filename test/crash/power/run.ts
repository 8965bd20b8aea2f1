// `npm run torture:power -- --images 200 --fs xfs`: power cuts on images of file systems, with progress.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type FileSystemKind, whyNoImages } from "./file-systems.ts";
import { torturePower } from "./power-torture.ts";

const { values } = parseArgs({
  options: {
    images: { type: "string", default: "20" },
    fs: { type: "string", default: "both" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    dir: { type: "string", default: tmpdir() },
    "era-images": { type: "string", default: "20" },
    help: { type: "boolean", default: false },
  },
});

const kinds: readonly FileSystemKind[] =
  values.fs === "ext4" ? ["ext4"] : values.fs === "xfs" ? ["xfs"] : ["ext4", "xfs"];

if (values.help) {
  console.log("usage: npm run torture:power -- [--images 20] [--fs ext4|xfs|both] [--seed N]");
  console.log("                                [--dir /tmp] [--era-images 20]");
  console.log("example: npm run torture:power -- --images 200 --fs ext4");
  console.log("Needs root, loop devices and mkfs; --images counts for each file system. Images of");
  console.log("400 MiB, mostly holes, lie below --dir; one with a problem is kept.");
} else {
  for (const kind of kinds) await torture(kind);
}

async function torture(kind: FileSystemKind): Promise<void> {
  const missing = whyNoImages(kind);
  if (missing !== null) {
    console.log(`${kind}: skipped: ${missing}`);
    process.exitCode = 2;
    return;
  }
  const folder = mkdtempSync(join(values.dir, "varve-power-"));
  console.log(`${kind}: seed ${values.seed}, images in ${folder}`);
  const startedAt = performance.now();
  const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
  const facts = await torturePower({
    folder,
    kind,
    images: Number(values.images),
    seed: Number(values.seed),
    eraImages: Number(values["era-images"]),
    onImage: (each) => {
      if (each.images % 5 !== 0 && each.images !== 1) return;
      console.log(
        `${kind}: image ${each.images}: ${each.acknowledged} acknowledged, ` +
          `${each.commits} commits, ${each.settled} settled, ${each.transactions} transactions, ` +
          `${each.checked} checked, slowest start ${each.readyMsMax.toFixed(0)} ms, ${seconds()}`,
      );
    },
  });
  for (const problem of facts.problems) console.log(problem);
  console.log(
    `${kind}: ${facts.images} images (${facts.exact} exact, ${facts.starting} of a starting server), ` +
      `${facts.acknowledged} acknowledged records, ${facts.commits} commits, ` +
      `${facts.settled} settled messages, ${facts.transactions} transactions, ` +
      `${facts.checked} records checked, ${facts.problems.length} problems, ${seconds()}`,
  );
  if (facts.problems.length === 0) rmSync(folder, { recursive: true });
  else process.exitCode = 1;
}
