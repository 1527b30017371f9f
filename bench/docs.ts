import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Row } from "./run.ts";
import type { ScalingRow } from "./scaling.ts";

// npx tsx bench/docs.ts FILE...: puts the tables of result files into docs/benchmarks.md: those of bench/run.ts between its two markers, those of
// bench/scaling.ts between theirs.

interface Results {
  date: string;
  commit: string;
  machine: { cpu: string; threads: number; node: string; kernels: string };
  quick?: boolean;
  rows?: Row[];
  scaling?: ScalingRow[];
}

const markers = {
  rows: ["<!-- results: written by bench/docs.ts -->", "<!-- end of results -->"],
  scaling: ["<!-- scaling: written by bench/docs.ts -->", "<!-- end of scaling -->"],
} as const;

function line(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}

function contests(rows: readonly Row[]): string[] {
  return [
    "| size | job | contender | threads | median, ms | spread | times ours | differs in |",
    "|---|---|---|---:|---:|---:|---:|---|",
    ...rows.map(({ size, contest, contender, threads, median, spread, ratio, differs }) => {
      const figures = [threads, median.toFixed(2), `±${(50 * spread).toFixed(0)} %`, ratio.toFixed(2)];
      return line([size, contest, contender, ...figures, differs ?? ""]);
    }),
  ];
}

function scales(rows: readonly ScalingRow[]): string[] {
  return [
    "| job | size | megapixels | processor time, ms | ms per megapixel | images and gradient, MiB | peak above them, MiB |",
    "|---|---|---:|---:|---:|---:|---:|",
    ...rows.map(({ loss, height, width, median, above }) => {
      const megapixels = (height * width) / 1e6;
      const arrays = (3 * 3 * 4 * height * width) / 2 ** 20;
      const figures = [megapixels.toFixed(1), median.toFixed(2), (median / megapixels).toFixed(2)];
      return line([
        `${loss}, value and gradient`,
        `${width}x${height}`,
        ...figures,
        arrays.toFixed(0),
        (above / 2 ** 20).toFixed(0),
      ]);
    }),
  ];
}

function table({ date, commit, machine, quick, rows, scaling }: Results): string {
  const { cpu, threads, node, kernels } = machine;
  const heading = `${date.slice(0, 10)}, commit ${commit}, ${cpu}, ${threads} threads, Node ${node}, ${kernels} SIMD build${quick ? ", short run" : ""}.`;
  return [heading, "", ...(rows ? contests(rows) : scales(scaling ?? []))].join("\n");
}

const path = fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url));
let text = readFileSync(path, "utf8");
const results = process.argv.slice(2).map((file): Results => JSON.parse(readFileSync(file, "utf8")));
for (const [kind, [begin, end]] of Object.entries(markers)) {
  const tables = results.filter((result) => kind in result).map(table);
  if (tables.length === 0) continue;
  const [before, after] = [text.slice(0, text.indexOf(begin) + begin.length), text.slice(text.indexOf(end))];
  text = `${before}\n\n${tables.join("\n\n")}\n\n${after}`;
}
writeFileSync(path, text);
