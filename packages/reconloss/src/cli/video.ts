import { ReconlossError } from "@reconloss/core";
import { counted } from "@reconloss/core/internal";
import { type Command, Option } from "commander";
import { arrowOf, formatNumber, type Verdict } from "../compare/index.ts";
import { exitCodes } from "../exit-codes.ts";
import { writeFileAtomically } from "../files.ts";
import { framesAsPairs } from "../video/as-pairs.ts";
import {
  compareFrames,
  compareVideos,
  framesToCsv,
  framesToJson,
  type VideoComparison,
  type VideoPlanes,
  writeVideoReport,
} from "../video/index.ts";
import { frameName, lossOf, worstPercentile } from "../video/report.ts";
import { worstFrames } from "../video/worst.ts";
import type { Checked } from "./findings.ts";
import { type GateFlags, type Gates, prepareGates, titleOf } from "./gates.ts";
import { jsonFile, printsJson } from "./json-option.ts";
import { type MeasureFlags, measuresOf } from "./measures.ts";
import { noteNewFolder } from "./new-folder.ts";
import { progressBar } from "./progress.ts";
import { plainTable } from "./table.ts";
import { tell, tellLost, tellSome, toFile, writeEach, writeOut } from "./tell.ts";
import { coloursFor, printable, type Terminal, widthOf } from "./terminal.ts";

/** The number of the worst frames that are listed. */
const worstShown = 5;

/** The metrics of videos when none is named. */
const defaultMetrics = "psnr,ssim";

/** The flags of videos alone. */
export interface VideoFlags {
  frames?: boolean;
  planes?: VideoPlanes;
}

/** Adds the options of {@link VideoFlags}. */
export function addVideoOptions(command: Command): Command {
  return command
    .option("--frames", "the inputs are videos whatever their names, or folders of frames in the order of their names")
    .addOption(
      new Option(
        "--planes <which>",
        "of videos: luma, or luma and chroma, as stored, or colours; default: yuv where the metrics look at each channel by itself, else rgb",
      ).choices(["y", "yuv", "rgb"]),
    );
}

/** The flags of `compare` that videos take. */
interface Flags extends VideoFlags, MeasureFlags, GateFlags {
  readonly json?: string;
  readonly csv?: string;
  readonly report?: string;
  readonly progress: boolean;
}

/** The flags of `compare` that say something of images in files alone. */
const ofImages: Readonly<Record<"videos" | "folders", readonly string[]>> = {
  videos: ["alpha", "background"],
  folders: ["planes"],
};
const ofPairs = [
  ...["pair", "exclude", "list", "fit", "masks", "ignore"],
  ...["maps", "jsonl", "stream", "markdown", "latex", "protocol", "metricModel", "scale"],
];

/** Refuses flags that have no meaning here, which would be passed over. */
function refuseOthers(kind: "videos" | "folders", given: Readonly<Record<string, unknown>>): void {
  const others = [...ofPairs, ...ofImages[kind]].filter((name) => given[name] !== undefined);
  if (kind === "folders" && given.alpha === "mask") others.push("alpha");
  if (kind === "videos" && given.decode === "pillow") others.push("decode");
  if (others.length === 0) return;
  const flag = others[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const what = kind === "videos" ? "videos" : "folders of frames";
  throw new ReconlossError("invalid-argument", `--${flag} is not for ${what}`);
}

/** Compares two videos, or two folders of frames, and returns the exit code. */
export async function compareAsVideos(
  kind: "videos" | "folders",
  output: string,
  target: string,
  flags: Flags,
  terminal: Terminal,
): Promise<number> {
  refuseOthers(kind, { ...flags });
  const metrics = flags.metrics ?? defaultMetrics;
  const { losses, conditions, pixels, plugins, device } = await measuresOf({ ...flags, metrics }, terminal);
  const ofMap = conditions?.find(({ map }) => map !== undefined);
  if (ofMap) {
    const over = `${ofMap.map}(${ofMap.label})${ofMap.operator}${ofMap.limit}`;
    const problem = `maps within frames are not measured of videos; over frames it is ${over}`;
    throw new ReconlossError("invalid-argument", `fail: in "${ofMap.text}", ${problem}`);
  }
  const gates = await prepareGates(flags, { losses, plugins, conditions, unit: "frame" }, terminal);
  const { csv, report, junit, summary } = flags;
  for (const path of [jsonFile(flags), csv, report, junit, summary]) await noteNewFolder(path, terminal);
  let bar: ReturnType<typeof progressBar> | undefined;
  const onFrame = (_: unknown, total: number) => {
    bar ??= progressBar(total, "comparing", terminal.stderr, flags.progress, "frames");
    bar.step();
  };
  let comparison: VideoComparison;
  try {
    comparison =
      kind === "videos"
        ? await compareVideos(output, target, losses, { planes: flags.planes, device, onFrame })
        : await compareFrames(output, target, losses, { ...pixels, device, onFrame });
  } finally {
    bar?.stop();
  }
  const checked = gates.check([{ comparison: framesAsPairs(comparison) }]);
  return tellVideos(comparison, { gates, checked, verdicts: conditions && checked[0].verdicts }, flags, terminal);
}

/** What came of the gates. */
interface OfGates {
  readonly gates: Gates;
  readonly checked: readonly Checked[];
  readonly verdicts?: readonly Verdict[];
}

async function tellVideos(
  comparison: VideoComparison,
  { gates, checked, verdicts }: OfGates,
  flags: Flags,
  terminal: Terminal,
): Promise<number> {
  const { paths } = comparison;
  const json = () => `${framesToJson(comparison, verdicts, checked[0].comparison.baseline)}\n`;
  await writeOut(terminal.stdout, printsJson(flags) ? json() : table(comparison, terminal));
  for (const note of comparison.notes) tell(terminal, "yellow", "note:", note);
  tellSome(terminal, "failed:", comparison.failed, "; --json lists all");
  const lost = await writeEach([
    ...toFile(jsonFile(flags), (path) => writeFileAtomically(path, json())),
    ...toFile(flags.csv, (path) => writeFileAtomically(path, framesToCsv(comparison))),
    ...gates.files(checked, titleOf(paths.output, paths.target)),
    ...toFile(flags.report, (path) => writeVideoReport(path, comparison)),
  ]);
  const fails = gates.tell(checked);
  const code = tellLost(lost, terminal);
  return comparison.failed.length > 0 || fails ? exitCodes.failed : code;
}

/** The statistics for people to read, and the worst frames. */
function table(comparison: VideoComparison, { stdout, env }: Terminal): string {
  const { frames, width, height, videos, statistics, losses, pooled } = comparison;
  const { bold } = coloursFor(stdout, env);
  const percentiles = (["p5", "p95"] as const).filter((name) => losses.some((loss) => worstPercentile(loss) === name));
  const rows = Object.keys(frames[0].values).map((key) => {
    const loss = lossOf(losses, key);
    const of = statistics[key];
    const number = (value: number | undefined) => formatNumber(value, loss?.decimals ?? 4);
    const name = printable(`${key}${loss ? ` ${arrowOf(loss.better)}` : ""}`);
    // All frames are identical, or none has a number.
    if (of === undefined) return [name, number(frames[0].values[key]), ...percentiles.map(() => ""), "", "", "", "0"];
    const worst = percentiles.map((name) => (loss && worstPercentile(loss) === name ? number(of[name]) : ""));
    const measured = of.n === frames.length ? String(of.n) : `${of.n} of ${frames.length}`;
    return [name, number(pooled[key] ?? of.mean), ...worst, ...[of.harmonicMean, of.min, of.max].map(number), measured];
  });
  const title = ["", "mean", ...percentiles, "harmonic mean", "min", "max", "frames"].map(bold);
  const rate = videos ? `, ${Number(videos.output.rate.toFixed(3))} a second` : "";
  const worst = worstFrames(comparison, worstShown).map((frame) => {
    const values = losses.map((loss) => `${loss.label} ${formatNumber(frame.values[loss.label], loss.decimals)}`);
    return `${printable(frameName(frame))}: ${printable(values.join(", "))}`;
  });
  const lines = [
    `${counted(frames.length, "frame", "frames")} of ${width}x${height}${rate}`,
    "",
    plainTable([title, ...rows], [1], [0], widthOf(stdout, env)),
    ...(worst.length > 0 ? ["", "worst frames:", ...worst] : []),
  ];
  return `${lines.join("\n")}\n`;
}
