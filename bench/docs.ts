import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Row } from "./run.ts";

// npx tsx bench/docs.ts FILE...: puts the tables of result files into docs/performance.md, between its two markers.

const [begin, end] = ["<!-- results: written by bench/docs.ts -->", "<!-- end of results -->"];

function table(file: string): string {
  const { date, commit, machine, quick, rows } = JSON.parse(readFileSync(file, "utf8"));
  const lines = [
    `${date.slice(0, 10)}, commit ${commit}, ${machine.cpu}, ${machine.threads} threads, Node ${machine.node}, ${machine.kernels} SIMD build${quick ? ", short run" : ""}.`,
    "",
    "| size | job | contender | threads | median, ms | spread | times ours | differs in |",
    "|---|---|---|---:|---:|---:|---:|---|",
    ...(rows as Row[]).map((row) =>
      [
        "",
        row.size,
        row.contest,
        row.contender,
        row.threads,
        row.median.toFixed(2),
        `±${(50 * row.spread).toFixed(0)} %`,
        row.ratio.toFixed(2),
        row.differs ?? "",
        "",
      ]
        .join(" | ")
        .trim(),
    ),
  ];
  return lines.join("\n");
}

const path = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
const text = readFileSync(path, "utf8");
const [before, after] = [text.slice(0, text.indexOf(begin) + begin.length), text.slice(text.indexOf(end))];
writeFileSync(path, `${before}\n\n${process.argv.slice(2).map(table).join("\n\n")}\n\n${after}`);
