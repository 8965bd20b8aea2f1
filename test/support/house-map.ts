// Writes the map of the house in ARCHITECTURE.md: every source file with the sentence it opens with.

import { sourceFiles } from "./source-tree.ts";

const nameWidth = 31;
const lineWidth = 124;

/** ARCHITECTURE.md with its map made anew; everything else as it stands. */
export function withHouseMap(page: string): string {
  const from = page.indexOf("```map");
  const to = page.indexOf("```", from + 6);
  return `${page.slice(0, from)}\`\`\`map\n${houseMap()}\n${page.slice(to)}`;
}

function houseMap(): string {
  const lines: string[] = [];
  const folders = new Map<string, string[]>();
  for (const { path, text } of sourceFiles("src")) {
    const cut = path.lastIndexOf("/");
    const folder = path.slice(0, cut);
    const name = folder === "src" ? path : `  ${path.slice(cut + 1)}`;
    const known = folders.get(folder) ?? [];
    known.push(clipped(`${name.padEnd(nameWidth - 1)} ${firstSentence(text)}`));
    folders.set(folder, known);
  }
  for (const [folder, files] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (folder !== "src") lines.push(`${folder}/`);
    lines.push(...files);
  }
  return lines.join("\n");
}

function firstSentence(text: string): string {
  const comment: string[] = [];
  for (const line of text.replace(/^#!.*\n/, "").split("\n")) {
    if (!/^(\/\/|\/\*\*| \*)/.test(line)) break;
    const words = line.replace(/^(\/\/|\/\*\*| \*\/?) ?/, "");
    if (words === "" && comment.length > 0) break;
    comment.push(words);
  }
  return comment
    .join(" ")
    .replace(/\.(\s.*)?$/s, "")
    .trim();
}

function clipped(line: string): string {
  if (line.length <= lineWidth) return line;
  return `${line.slice(0, line.lastIndexOf(" ", lineWidth - 2))} …`;
}
