import { ReconlossError } from "@reconloss/core";
import { counted } from "@reconloss/core/internal";
import { type Command, Option } from "commander";
import { arrowOf, type Condition, checkConditions, formatNumber, type Verdict } from "../compare/index.ts";
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
import { planeNames } from "../video/planes.ts";
import { frameName, lossOf, worstPercentile } from "../video/report.ts";
import { worstFrames } from "../video/worst.ts";
import type { Checked } from "./findings.ts";
import { finishedPairs, type WorkFlags } from "./finished.ts";
import { type GateFlags, type Gates, prepareGates, titleOf } from "./gates.ts";
import { jsonFile, printsJson } from "./json-option.ts";
import { type MeasureFlags, measuresOf } from "./measures.ts";
import { printLostFiles, printMessage, printMessages, toFile, writeEach, writeOut } from "./messages.ts";
import { noteNewFolder } from "./new-folder.ts";
import { inspectOf } from "./pairing-options.ts";
import { progressBar } from "./progress.ts";
import { plainTable } from "./table.ts";
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
    .option(
      "--frames",
      "treat the inputs as videos, whatever their names, or as folders of frames in the order of their names",
    )
    .addOption(
      new Option(
        "--planes <which>",
        "planes of videos to compare: luma, or luma and chroma, as stored, or RGB; default: yuv if the metrics treat channels separately, else rgb",
      ).choices(["y", "yuv", "rgb"]),
    );
}

/** The flags of `compare` that videos or folders of frames take. */
interface Flags extends VideoFlags, MeasureFlags, GateFlags, WorkFlags {
  readonly json?: string;
  readonly csv?: string;
  readonly report?: string;
  readonly inspect: boolean;
}

/** Compares two videos, or two folders of frames, and returns the exit code. */
export async function compareAsVideos(
  kind: "videos" | "folders",
  output: string,
  target: string,
  flags: Flags,
  terminal: Terminal,
): Promise<number> {
  if (flags.alpha === "mask") {
    throw new ReconlossError(
      "invalid-argument",
      "--alpha mask does not apply to folders of frames, whose pixels all count",
    );
  }
  const metrics = flags.metrics ?? defaultMetrics;
  const { losses, conditions, pixels, plugins, device } = await measuresOf({ ...flags, metrics }, terminal, {
    ofFrames: true,
    ...(kind === "videos" ? { planes: planeNames } : {}),
  });
  const gates = await prepareGates(flags, { losses, plugins, conditions, unit: "frame" }, terminal);
  const { csv, report, junit, summary } = flags;
  await noteNewFolder([jsonFile(flags), csv, report, junit, summary], terminal);
  const { jobs } = flags;
  const finished = kind === "folders" ? finishedPairs(flags, terminal) : undefined;
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
        : await compareFrames(output, target, losses, {
            ...pixels,
            device,
            jobs,
            finished,
            ...inspectOf(flags),
            onFrame,
          });
  } finally {
    bar?.stop();
    await finished?.close();
  }
  const frames = framesAsPairs(comparison);
  const verdicts = conditions && checkConditions(conditionsOnPlanes(conditions, comparison.planes), frames);
  const checked = gates.check([{ comparison: frames, verdicts, planes: comparison.planes }]);
  return printVideos(comparison, { gates, checked, verdicts: conditions && checked[0].verdicts }, flags, terminal);
}

/** Conditions under the names that numbers have: where luma is all that is compared, those of its plane are those of the loss. */
function conditionsOnPlanes(conditions: readonly Condition[], planes: VideoPlanes): readonly Condition[] {
  if (planes !== "y") return conditions;
  return conditions.map((condition) => (condition.plane === "y" ? { ...condition, plane: undefined } : condition));
}

/** The outcome of the gates. */
interface OfGates {
  readonly gates: Gates;
  readonly checked: readonly Checked[];
  readonly verdicts?: readonly Verdict[];
}

async function printVideos(
  comparison: VideoComparison,
  { gates, checked, verdicts }: OfGates,
  flags: Flags,
  terminal: Terminal,
): Promise<number> {
  const { paths } = comparison;
  const json = () => `${framesToJson(comparison, verdicts, checked[0].comparison.baseline)}\n`;
  await writeOut(terminal.stdout, printsJson(flags) ? json() : table(comparison, terminal));
  for (const note of comparison.notes) printMessage(terminal, "yellow", "note:", note);
  printMessages(terminal, "failed:", comparison.failed, "; --json lists all");
  const lost = await writeEach([
    ...toFile(jsonFile(flags), (path) => writeFileAtomically(path, json())),
    ...toFile(flags.csv, (path) => writeFileAtomically(path, framesToCsv(comparison))),
    ...gates.files(checked, titleOf(paths.output, paths.target)),
    ...toFile(flags.report, (path) => writeVideoReport(path, comparison)),
  ]);
  const fails = gates.printFailures(checked);
  const code = printLostFiles(lost, terminal);
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
