import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { l1, psnr, ssim, ssimulacra2 } from "../../packages/core/src/losses/index.ts";
import { toImageSync } from "../../packages/core/src/pixels/input.ts";
import { FrameStream } from "../../packages/reconloss/src/video/frames.ts";
import { compareFrames, compareVideos, probeVideo } from "../../packages/reconloss/src/video/index.ts";
import { layoutOf } from "../../packages/reconloss/src/video/planes.ts";
import { writingToPipe, writingToSocket } from "../../packages/reconloss/src/video/writing.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";

const hasFfmpeg = ["ffmpeg", "ffprobe"].every((program) => spawnSync(program, ["-version"]).status === 0);
const folder = await temporaryFolder();
const at = (name: string) => join(folder, name);
const [width, height, count] = [70, 50, 12];

function ffmpeg(...args: string[]): string {
  const common = ["-hide_banner", "-nostdin", "-y"];
  const { status, stderr } = spawnSync("ffmpeg", [...common, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stderr;
}

/** Twelve frames of ffmpeg's test picture, without loss. */
function make(
  name: string,
  format: string,
  { size = `${width}x${height}`, rate = 10, frames = count, more = [] as string[] } = {},
) {
  const source = ["-f", "lavfi", "-i", `testsrc2=size=${size}:rate=${rate}`, "-frames:v", String(frames)];
  ffmpeg(...source, "-pix_fmt", format, "-c:v", "ffv1", ...more, at(name));
}

/** The results of ffmpeg's own filters of two videos: the lines of their files of statistics, and what they print at the end. */
async function filtered(filter: "psnr" | "ssim", output: string, target: string) {
  const file = at(`${filter}.txt`);
  const graph = `[0:v][1:v]${filter}=stats_file=${file}`;
  const recorded = ffmpeg("-i", at(output), "-i", at(target), "-lavfi", graph, "-f", "null", "-");
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  const expected = lines.map(
    (line): Record<string, string> =>
      Object.fromEntries([...line.matchAll(/(\w+):(\S+)/g)].map(([, key, value]) => [key, value])),
  );
  return { expected, recorded };
}

/** A lossless copy that is not the same: noise. */
const noisy = (from: string, to: string, ...more: string[]) =>
  ffmpeg("-i", at(from), "-vf", "noise=alls=12:all_seed=3", "-c:v", "ffv1", ...more, at(to));

describe.skipIf(!hasFfmpeg)("videos", () => {
  beforeAll(() => {
    const formats = {
      ...{ "target.mkv": "yuv420p", "deep.mkv": "yuv444p10le", "wide.mkv": "yuv422p", "whole.mkv": "yuv444p" },
      ...{ "rgb.mkv": "bgr0", "grey.mkv": "gray" },
    };
    const source = ["-f", "lavfi", "-i", `testsrc2=size=${width}x${height}:rate=10`];
    const outputs = Object.entries(formats).flatMap(([name, format]) => {
      return ["-frames:v", String(count), "-pix_fmt", format, "-c:v", "ffv1", at(name)];
    });
    ffmpeg(...source, ...outputs);
    ffmpeg("-i", at("target.mkv"), "-c:v", "mpeg4", "-q:v", "12", at("output.mp4"));
  });

  it.each([
    ["yuv420p, MPEG-4", "target.mkv", "output.mp4"],
    ["yuv444p10le", "deep.mkv", "deep-noisy.mkv"],
    ["yuv422p", "wide.mkv", "wide-noisy.mkv"],
  ])("equal ffmpeg's PSNR for every plane and overall: %s", async (_, target, output) => {
    if (output.includes("noisy")) noisy(target, output);
    const { expected, recorded } = await filtered("psnr", output, target);
    const { frames, pooled, planes } = await compareVideos(at(output), at(target), [psnr({ pooling: "dataset" })]);
    expect(planes).toBe("yuv");
    expect(frames).toHaveLength(count);
    for (const [index, { values }] of frames.entries()) {
      const { psnr_avg, psnr_y, psnr_u, psnr_v } = expected[index];
      const label = "psnr(pooling=dataset)";
      const ours = [label, `${label}.y`, `${label}.u`, `${label}.v`].map((key) => values[key].toFixed(2));
      expect(ours).toEqual([psnr_avg, psnr_y, psnr_u, psnr_v]);
    }
    // What ffmpeg prints at the end is of the mean squared error of all frames.
    for (const [key, name] of [
      ["", "average"],
      [".y", "y"],
      [".u", "u"],
      [".v", "v"],
    ]) {
      const printed = Number(new RegExp(` ${name}:([\\d.]+)`).exec(recorded)?.[1]);
      expect(pooled[`psnr(pooling=dataset)${key}`]).toBeCloseTo(printed, 4);
    }
  });

  it("equal ffmpeg's SSIM at every fourth 8x8 window, where it looks", async () => {
    // Its first constant is for sums over 64 pixels and so 64 times too small: k1 = 0.01 / 8 (libavfilter/vf_ssim.c).
    const block = ssim({ window: "uniform", size: 8, k1: 0.00125, covariance: "sample" });
    const { expected } = await filtered("ssim", "output.mp4", "target.mkv");
    const luma = (name: string) => {
      const args = ["-v", "error", "-i", at(name), "-vf", "extractplanes=y", "-f", "rawvideo", "-frames:v", "1", "-"];
      const data = new Uint8Array(execFileSync("ffmpeg", args));
      return toImageSync({ data, width, height, channels: 1 });
    };
    const pair = [luma("output.mp4"), luma("target.mkv")] as const;
    const { map, value } = await block.evaluate(...pair, { map: true }, { engine: "reference" });
    const [, , high, wide] = map?.shape ?? [0, 0, 0, 0];
    let [sum, windows] = [0, 0];
    for (let y = 0; y < high; y += 4) {
      for (let x = 0; x < wide; x += 4) {
        sum += map?.data[y * wide + x] ?? 0;
        windows++;
      }
    }
    expect(sum / windows).toBeCloseTo(Number(expected[0].Y), 5);
    // Over all windows it is another number, not far from it.
    expect(Math.abs(value - Number(expected[0].Y))).toBeLessThan(0.02);
  });

  it.each([
    ["yuv420p, MPEG-4", "target.mkv", "output.mp4"],
    ["yuv422p", "wide.mkv", "wide-noisy.mkv"],
  ])("equal ffmpeg's SSIM for every plane and overall, by preset: %s", async (_, target, output) => {
    if (output.includes("noisy")) noisy(target, output);
    const { expected, recorded } = await filtered("ssim", output, target);
    const { frames, statistics } = await compareVideos(at(output), at(target), [ssim({ preset: "ffmpeg" })]);
    const label = "ssim(preset=ffmpeg)";
    for (const [index, { Y, U, V, All }] of expected.entries()) {
      const { values } = frames[index];
      const ours = [`${label}.y`, `${label}.u`, `${label}.v`, label].map((key) => values[key]);
      // It prints six decimals, of sums in float32.
      for (const [i, printed] of [Y, U, V, All].entries()) expect(ours[i]).toBeCloseTo(Number(printed), 6 - 0.2);
    }
    expect(statistics[label].mean).toBeCloseTo(Number(/All:(\S+)/.exec(recorded)?.[1]), 5.8);
  });

  it("in RGB equal ffmpeg's conversion by the stated matrix and range", async () => {
    const tagged = ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709", "-color_range", "tv"];
    ffmpeg("-i", at("whole.mkv"), ...tagged, "-pix_fmt", "yuv444p", "-c:v", "ffv1", at("709.mkv"));
    const { statistics, notes, planes } = await compareVideos(at("709.mkv"), at("whole.mkv"), [l1(), ssimulacra2()]);
    expect(planes).toBe("rgb");
    expect(notes.join()).toMatch(
      /the output as RGB by the matrix of bt709, limited range; the target as RGB by the matrix of bt601, which the file does not say/,
    );
    // The same colours, up to roundings to 8 bits.
    expect(statistics.l1.mean).toBeLessThan(0.01);
    const asStored = await compareVideos(at("709.mkv"), at("whole.mkv"), [l1()], { planes: "y" });
    expect(asStored.notes.join()).toContain("the matrix of output (bt709) is not that of target");
    expect(asStored.statistics.l1.mean).toBeGreaterThan(statistics.l1.mean);
  });

  it("of different depths are compared at the deeper one, 10 bits being 4 times 8", async () => {
    ffmpeg("-i", at("target.mkv"), "-pix_fmt", "yuv420p10le", "-c:v", "ffv1", at("ten.mkv"));
    const { notes, statistics } = await compareVideos(at("ten.mkv"), at("target.mkv"), [l1()]);
    expect(notes.join()).toContain(
      "output has 10 bits per sample and target 8: the samples with fewer bits were multiplied by 4",
    );
    expect(statistics.l1.max).toBe(0);
  });

  it("of different lengths are compared over the common frames, and the rest fail", async () => {
    make("short.mkv", "yuv420p", { frames: 7 });
    const { frames, failed } = await compareVideos(at("short.mkv"), at("target.mkv"), [psnr()]);
    expect(frames).toHaveLength(7);
    expect(failed).toEqual(["target has 5 frames more than output, which ends after 7 frames, without a partner"]);
    const { code, stderr } = await run(["compare", at("short.mkv"), at("target.mkv"), "-m", "psnr"]);
    expect(stderr).toContain("failed: target has 5 frames more");
    expect(code).toBe(1);
  });

  it("report truncation and damage", async () => {
    await writeFile(at("cut.mkv"), await readFile(at("target.mkv")));
    await truncate(at("cut.mkv"), (await readFile(at("target.mkv"))).length / 2);
    const { failed, frames } = await compareVideos(at("cut.mkv"), at("target.mkv"), [psnr()]);
    expect(frames.length).toBeGreaterThan(2);
    expect(frames.length).toBeLessThan(count);
    expect(failed.join("\n")).toMatch(/target has \d+ frames more than output/);
    make("checked.mkv", "yuv420p", { more: ["-level", "3", "-slicecrc", "1"] });
    const bytes = await readFile(at("checked.mkv"));
    bytes.fill(0x55, bytes.length / 2, bytes.length / 2 + 400);
    await writeFile(at("damaged.mkv"), bytes);
    const damaged = await compareVideos(at("damaged.mkv"), at("target.mkv"), [psnr()]);
    expect(damaged.failed.join("\n")).toMatch(/output .*damaged\.mkv: .+/);
  });

  it("with samples that cannot be compared are refused with a suggestion", async () => {
    make("small.mkv", "yuv420p", { size: "64x50" });
    make("full.mkv", "yuvj420p", { more: ["-c:v", "mjpeg"] });
    const refused = (name: string, planes?: "y" | "yuv") =>
      expect(compareVideos(at(name), at("target.mkv"), [psnr()], { planes })).rejects;
    await refused("small.mkv").toThrow("output is 64x50 but target is 70x50; scale one of them");
    await refused("full.mkv").toThrow(/output has full range but target limited range.*--planes rgb/);
    await refused("whole.mkv").toThrow(/stores chroma as yuv444p but target as yuv420p.*--planes y/);
    await refused("rgb.mkv", "yuv").toThrow("output has no planes of luma and chroma (bgr0)");
    await refused("grey.mkv", "yuv").toThrow("output has only luma (gray)");
    expect((await compareVideos(at("rgb.mkv"), at("target.mkv"), [psnr()])).planes).toBe("rgb");
    const luma = await compareVideos(at("whole.mkv"), at("target.mkv"), [psnr()], { planes: "y" });
    expect(luma.frames).toHaveLength(count);
    await writeFile(at("text.mp4"), "This is no video.");
    await refused("text.mp4").toThrow(/cannot read .*text\.mp4 as a video: /);
    await refused("missing.mp4").toThrow(/missing\.mp4/);
    await expect(compareVideos(at("target.mkv"), at("target.mkv"), [psnr()], { limitPixels: 100 })).rejects.toThrow(
      "more than limitPixels allows",
    );
  });

  it("with different rates, varying rates or rotation get a note", async () => {
    make("fast.mkv", "yuv420p", { rate: 20 });
    const { notes } = await compareVideos(at("fast.mkv"), at("target.mkv"), [psnr()]);
    expect(notes.join()).toContain("output has 20 frames per second and target 10; frames were paired by their number");
    ffmpeg(
      "-i",
      at("target.mkv"),
      "-vf",
      "setpts='if(lt(N,6),N,3*N-12)/10/TB'",
      "-fps_mode",
      "passthrough",
      "-c:v",
      "ffv1",
      at("varies.mkv"),
    );
    const varies = await compareVideos(at("varies.mkv"), at("target.mkv"), [psnr()]);
    expect(varies.notes.join()).toContain("the frame rate of the output varies");
    expect(varies.frames).toHaveLength(count);
    expect(varies.frames.at(-1)?.time).toBeCloseTo(2.1, 2);
    expect(varies.frames.every(({ values }) => values.psnr === Number.POSITIVE_INFINITY)).toBe(true);
    ffmpeg("-i", at("target.mkv"), "-vf", "transpose=clock", "-c:v", "mpeg4", "-q:v", "2", at("lying.mp4"));
    ffmpeg("-i", at("lying.mp4"), "-c", "copy", "-metadata:s:v:0", "rotate=90", at("rotated.mp4"));
    const { rotation, width: wide, height: high } = await probeVideo(at("rotated.mp4"));
    expect([wide, high, Math.abs(rotation)]).toEqual([width, height, 90]);
    const rotated = await compareVideos(at("rotated.mp4"), at("target.mkv"), [psnr()]);
    expect(rotated.notes.join()).toMatch(/the output is rotated by -?90 degrees/);
  });

  it("are decoded at most a few frames ahead of the consumer", async () => {
    make("long.mkv", "gray", { frames: 200 });
    const stream = await FrameStream.open(at("long.mkv"), { bytes: width * height, options: ["-pix_fmt", "gray"] });
    const seen = new Set<ArrayBufferLike>();
    let frames = 0;
    for (;;) {
      const frame = await stream.next();
      if (frame === undefined) break;
      seen.add(frame.buffer);
      // Time for the pipe to run ahead.
      await new Promise((resolve) => setImmediate(resolve));
      frames++;
      stream.giveBack();
    }
    expect(frames).toBe(200);
    expect(seen.size).toBeLessThanOrEqual(3);
    expect(stream.problem()).toBeUndefined();
    // Left early, it ends ffmpeg.
    const left = await FrameStream.open(at("long.mkv"), { bytes: width * height, options: ["-pix_fmt", "gray"] });
    await left.next();
    await left.close();
    expect(left.problem()).toBeUndefined();
  });

  it.each([
    ["a socket", writingToSocket],
    ["a pipe, as on Windows", writingToPipe],
  ])("stream through %s without losing a byte, with backpressure", async (_, startWriting) => {
    make("some.mkv", "gray", { frames: 40 });
    const args = ["-v", "error", "-i", at("some.mkv"), "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"];
    const wanted = execFileSync("ffmpeg", args);
    const bytes = new Uint8Array(wanted.length + 1);
    // Small pieces, and room for a hundred thousand bytes at a time.
    let [filled, until] = [0, 100_000];
    let isFull = () => {};
    const writing = await startWriting(args, {
      room: () => bytes.subarray(filled, Math.min(filled + 4321, bytes.length)),
      took: (count) => {
        filled += count;
        if (filled >= until) setImmediate(() => isFull());
        return filled < until;
      },
    });
    isFull = () => {
      until += 100_000;
      writing?.goOn();
    };
    expect(await writing?.ended).toBe(0);
    expect(filled).toBe(wanted.length);
    expect(wanted.equals(bytes.subarray(0, filled))).toBe(true);
  });

  it.each([
    ["yuv420p", "crop=69:49"],
    ["yuv422p", "crop=69:49"],
    ["yuv444p", "null"],
    ["yuvj420p", "crop=69:49"],
    ["gray", "null"],
    ["gray", "extractplanes=y"],
  ])("of 8 bits stream as YUV4MPEG2 with the bytes of raw video: %s after %s", async (format, filter) => {
    const name = `${format}.mkv`;
    // Frames of testsrc2 have even sides.
    ffmpeg(
      "-i",
      at("whole.mkv"),
      "-vf",
      `format=${format},${filter}`,
      "-c:v",
      format === "yuvj420p" ? "mjpeg" : "ffv1",
      at(name),
    );
    const video = await probeVideo(at(name));
    const layout = layoutOf(video, format === "gray" ? "y" : "yuv", 8);
    expect(layout.y4m).toEqual([video.height, video.width]);
    const raw = new Uint8Array(execFileSync("ffmpeg", ["-v", "error", "-i", at(name), "-f", "rawvideo", "-"]));
    expect(raw).toHaveLength(count * layout.bytes);
    const stream = await FrameStream.open(at(name), layout);
    for (let frame = 0; frame < count; frame++) {
      const bytes = await stream.next();
      expect(bytes && Buffer.compare(bytes, raw.subarray(frame * layout.bytes, (frame + 1) * layout.bytes))).toBe(0);
      stream.giveBack();
    }
    expect(await stream.next()).toBeUndefined();
    expect(stream.problem()).toBeUndefined();
    // A size that the file does not state is an error and no picture.
    const wrong = { ...layout, y4m: [height, width + 1] as const };
    const refused = await FrameStream.open(at(name), wrong);
    await expect(refused.next()).rejects.toThrow(
      /cannot read .*: ffmpeg decodes frames of W\d+ H\d+, but the file states W71 H50/,
    );
    await refused.close();
  });

  it("report how to install ffmpeg where it is not on PATH", async () => {
    const path = process.env.PATH;
    process.env.PATH = at("nothing here");
    try {
      await expect(compareVideos(at("output.mp4"), at("target.mkv"), [psnr()])).rejects.toThrow(
        /videos are decoded by ffmpeg, but ffprobe of PATH is not there; install ffmpeg/,
      );
    } finally {
      process.env.PATH = path;
    }
  });

  it("can be compared on the command line: table, JSON, CSV, conditions and a page with the worst frames", async () => {
    const [csv, page] = [at("frames of it.csv"), at("page.html")];
    const args = ["compare", at("output.mp4"), at("target.mkv"), "--fail", "psnr<10, min(ssim)<0.1"];
    const { code, stdout, stderr } = await run([...args, "--csv", csv, "--report", page]);
    expect(stderr).toBe("note: compared: Y, U and V as stored\n");
    expect(code).toBe(0);
    expect(stdout).toContain(`${count} frames of ${width}x${height}, 10 a second`);
    expect(stdout).toMatch(/mean +p5 +harmonic mean +min +max +frames/);
    expect(stdout).toMatch(/psnr\.u ↑ +[\d.]+/);
    const lines = (await readFile(csv, "utf8")).trimEnd().split("\r\n");
    expect(lines[0]).toBe("frame,time,psnr,psnr.y,psnr.u,psnr.v,ssim,ssim.y,ssim.u,ssim.v");
    expect(lines).toHaveLength(count + 1);
    expect(lines[4]).toMatch(/^3,0\.3,\d/);
    const text = await readFile(page, "utf8");
    expect(text.match(/<svg /g)).toHaveLength(8);
    expect(text.match(/data:image\/webp;base64,/g)?.length).toBeGreaterThan(8);
    const json = await run([...args, "--json", "--fail", "any(psnr<99)"]);
    expect(json.code).toBe(1);
    expect(json.stderr).toMatch(/fail: any\(psnr<99\): it is [\d.]+, of 12 frames/);
    const parsed = JSON.parse(json.stdout);
    expect(parsed).toMatchObject({
      width,
      height,
      planes: "yuv",
      failed: [],
      output: { codec: "mpeg4", frames: count },
    });
    expect(parsed.frames).toHaveLength(count);
    expect(parsed.statistics.psnr.harmonicMean).toBeLessThanOrEqual(parsed.statistics.psnr.mean);
    for (const [more, message] of [
      [["--maps", at("maps")], /--maps does not apply to videos/],
      [["--alpha", "composite"], /--alpha does not apply to videos/],
      [["--fail", "l1.p99>0.1", "-m", "l1"], /maps within frames are not measured/],
    ] as const) {
      const refused = await run([...args.slice(0, 3), ...more]);
      expect(refused.stderr).toMatch(message);
      expect(refused.code).toBe(2);
    }
    const mixed = await run(["compare", at("output.mp4"), page]);
    expect(mixed.stderr).toMatch(/output .* is a video and target .* no video by its name/);
    expect(mixed.code).toBe(2);
  });

  it("stored as folders of frames are compared frame by frame, over time", async () => {
    for (const [name, side] of [
      ["output.mp4", "outputs"],
      ["target.mkv", "targets"],
    ]) {
      await mkdir(at(side), { recursive: true });
      ffmpeg("-i", at(name), "-frames:v", "4", at(join(side, "%d.png")));
    }
    const { frames, statistics } = await compareFrames(at("outputs"), at("targets"), [psnr()]);
    expect(frames.map(({ name }) => name)).toEqual(["1.png", "2.png", "3.png", "4.png"]);
    expect(statistics.psnr.n).toBe(4);
    const page = at("frames.html");
    const { code, stdout } = await run([
      "compare",
      at("outputs"),
      at("targets"),
      "--frames",
      "-m",
      "psnr",
      "--report",
      page,
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("4 frames of 70x50\n");
    expect(await readFile(page, "utf8")).toContain("3.png");
    const still = await run(["compare", at("outputs"), at("targets"), "-m", "psnr"]);
    expect(still.stdout).toContain("4.png");
  });
});
