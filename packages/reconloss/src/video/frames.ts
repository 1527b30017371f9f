import { ReconlossError } from "@reconloss/core";
import { sharedBytes } from "@reconloss/core/internal";
import { reasonOf } from "../files.ts";
import { asInput, everyFrameOnce } from "./ffmpeg.ts";
import { pictureStream } from "./probe.ts";
import { startWriting, type Writing } from "./writing.ts";
import { Y4mLines } from "./y4m.ts";

/** The number of frames of a video in memory: in work, and decoded ahead. */
const framesAhead = 3;

/** Memory for the frames of so many videos; losses work on frames where they lie. */
export function framesFor(videos: number, frameBytes: number): Uint8Array[][] {
  const all = sharedBytes(videos * framesAhead, frameBytes);
  return Array.from({ length: videos }, (_, video) => all.slice(video * framesAhead, (video + 1) * framesAhead));
}

/** The form in which ffmpeg writes the frames of a video. */
export interface FrameOutput {
  /** Bytes of a frame. */
  readonly bytes: number;
  /** ffmpeg's options of its output. */
  readonly options: readonly string[];
  /** Height and width of frames that are written as YUV4MPEG2, whose formats {@link canBeY4m} has; absent: frames are written as raw video. */
  readonly y4m?: readonly [height: number, width: number];
}

/**
 * The frames of a video one after the other, as ffmpeg decodes them and writes them to this process. No more than a few are in memory, always the same in turn: while all are full, nothing is read, and
 * ffmpeg waits.
 */
export class FrameStream {
  readonly path: string;
  readonly #frames: readonly Uint8Array[];
  /** The lines between frames, of a stream that has them. */
  readonly #lines: Y4mLines | undefined;
  #writing!: Writing;
  /** The number of frames that were filled, taken, and given back. */
  #made = 0;
  #taken = 0;
  #back = 0;
  /** Bytes of the frame that is being filled. */
  #filled = 0;
  #wake: (() => void) | undefined;
  #isAtEnd = false;
  #code = 0;
  #failure: unknown;
  /** The error messages of ffmpeg when it was ended early. */
  #left: string | undefined;

  /** @param frames - one video's of {@link framesFor}; default: its own */
  static async open(path: string, output: FrameOutput, frames = framesFor(1, output.bytes)[0]): Promise<FrameStream> {
    const once = await everyFrameOnce();
    const args = ["-nostdin", "-hide_banner", "-v", "error", "-i", asInput(path), "-map", `0:${pictureStream}`];
    const format = output.y4m ? "yuv4mpegpipe" : "rawvideo";
    const stream = new FrameStream(path, frames, output.y4m && new Y4mLines(output.y4m));
    await stream.#start([...args, ...once, "-f", format, ...output.options, "pipe:1"]);
    return stream;
  }

  private constructor(path: string, frames: readonly Uint8Array[], lines: Y4mLines | undefined) {
    this.path = path;
    this.#frames = frames;
    this.#lines = lines;
  }

  async #start(args: readonly string[]): Promise<void> {
    this.#writing = await startWriting(args, {
      room: () => this.#lines?.room() ?? this.#frames[this.#made % this.#frames.length].subarray(this.#filled),
      took: (bytes) => this.#took(bytes),
    });
    this.#writing.ended
      .then(
        (code) => {
          this.#code = code;
        },
        (error) => {
          this.#failure ??= error;
        },
      )
      .then(() => {
        this.#isAtEnd = true;
        this.#wake?.();
      });
  }

  /** Notes bytes that lie in the frame that is being filled, or in a line before it; whether there is room for more. */
  #took(bytes: number): boolean {
    if (this.#lines?.room()) return this.#tookOfLine(bytes, this.#lines);
    this.#filled += bytes;
    if (this.#filled === this.#frames[0].length) {
      this.#filled = 0;
      this.#lines?.frameEnded();
      this.#made++;
      this.#wake?.();
    }
    return this.#made - this.#back < this.#frames.length;
  }

  #tookOfLine(bytes: number, lines: Y4mLines): boolean {
    try {
      lines.took(bytes);
      return true;
    } catch (error) {
      this.#failure = new ReconlossError("image", `cannot read ${this.path}: ${reasonOf(error)}`, { cause: error });
      this.#wake?.();
      return false;
    }
  }

  /** The next frame, which is the caller's until it is given back; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#taken === this.#made) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isAtEnd) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return this.#frames[this.#taken++ % this.#frames.length];
  }

  /** Lets the frame that was taken first be filled again. */
  giveBack(): void {
    const wasFull = this.#made - this.#back === this.#frames.length;
    this.#back++;
    if (wasFull) this.#writing.goOn();
  }

  /** The problem of the file, so far or, at the end, in all: an error message of ffmpeg, or half a frame. */
  problem(): string | undefined {
    if (this.#left !== undefined) return this.#left || undefined;
    const complaint = this.#writing.running.complaint().split("\n")[0];
    if (complaint !== "" || this.#code !== 0) return complaint || `ffmpeg ended with ${this.#code}`;
    const isCut = this.#filled > 0 || this.#lines?.isBetweenFrames === false;
    return this.#isAtEnd && isCut ? "its last frame is not whole" : undefined;
  }

  /** Ends ffmpeg, wherever it is, and waits for it. What it says of that is no problem of the file. */
  async close(): Promise<void> {
    const { running, ended, stop } = this.#writing;
    if (!this.#isAtEnd) {
      this.#left = running.complaint().split("\n")[0];
      running.process.kill("SIGKILL");
    }
    stop();
    await ended.catch(() => {});
  }
}

/** Refuses frames that are too large for the memory, before ffmpeg is started. */
export function checkFrameSize(path: string, width: number, height: number, limitPixels: number): void {
  if (width >= 1 && height >= 1 && width * height <= limitPixels) return;
  throw new ReconlossError(
    "image",
    `cannot read ${path}: it has frames of ${width}x${height} pixels, more than limitPixels allows (${limitPixels}); raise it (--limit-pixels) to read it`,
  );
}
