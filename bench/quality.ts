import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseLosses } from "../packages/core/src/losses/parse.ts";
import { comparePairs } from "../packages/reconloss/src/compare/index.ts";
import { qualityFormats, searchFileQuality } from "../packages/reconloss/src/quality/index.ts";

// npx tsx bench/quality.ts [folder] [target]: the quality search over the first ten photographs of a folder, in every format. Each score is checked by comparePairs on the written file, and the
// search is held against every quality of the first two. Prints the table of docs/quality.md.

const [folder = fileURLToPath(new URL("../../shared/photos/heldout", import.meta.url)), target = "ssimulacra2>=80"] =
  process.argv.slice(2);
if (!existsSync(folder)) throw new Error(`${folder} is missing; name a folder of photographs`);
const names = readdirSync(folder).sort().slice(0, 10);
const formats = qualityFormats.map(({ name }) => name);
const written = mkdtempSync(join(tmpdir(), "bench-quality-"));
const rows: string[] = [];
const originals: number[] = [];
let tries = 0;
let seconds = 0;

/** The score that `compare` has of a file. */
async function scoreOf(output: string, photo: string): Promise<number> {
  const [, label = ""] = /^([^<>]+)/.exec(target) ?? [];
  for await (const { result } of comparePairs([{ name: "a", output, target: photo }], parseLosses(label))) {
    return result?.values[label] ?? Number.NaN;
  }
  return Number.NaN;
}

for (const [index, name] of names.entries()) {
  const photo = join(folder, name);
  const cells: string[] = [];
  for (const format of formats) {
    const start = performance.now();
    const { chosen, tried, inputBytes } = await searchFileQuality(photo, { format, target });
    originals[index] = inputBytes;
    seconds += (performance.now() - start) / 1000;
    tries += tried.length;
    if (chosen === undefined) {
      cells.push("none");
      continue;
    }
    const file = join(written, `${name}.${format}`);
    await writeFile(file, chosen.data);
    const score = await scoreOf(file, photo);
    const [searched] = Object.values(chosen.values);
    if (score !== searched) throw new Error(`${file}: ${searched} in the search, ${score} by compare`);
    cells.push(`${chosen.quality}: ${chosen.bytes.toLocaleString("en")}, ${score.toFixed(2)}`);
    if (index >= 2) continue;
    const all = await searchFileQuality(photo, { format, target, neighbours: Number.POSITIVE_INFINITY });
    const same = all.chosen?.bytes === chosen.bytes;
    console.error(
      `${name} ${format}: smallest of all 100 qualities ${all.chosen?.bytes} (${all.chosen?.quality}), search ${chosen.bytes} (${chosen.quality}) ${same ? "same" : "NOT the same"}`,
    );
  }
  rows.push(`| ${name} | ${cells.join(" | ")} |`);
}
rmSync(written, { recursive: true });
console.log(`| photograph | ${formats.join(" | ")} |\n|${"---|".repeat(formats.length + 1)}\n${rows.join("\n")}`);
console.log(
  `\n${(tries / (names.length * formats.length)).toFixed(1)} tries and ${(seconds / (names.length * formats.length)).toFixed(2)} s a search`,
);
const [least, most] = [Math.min(...originals), Math.max(...originals)].map((bytes) => bytes.toLocaleString("en"));
console.log(`The originals are files of ${least} to ${most} bytes.`);
