import { ReconlossError } from "@reconloss/core";
import { asInput, everyFrameOnce, type Running, start } from "./ffmpeg.ts";
import { pictureStream } from "./probe.ts";

/** The number of frames of a video in memory: in work, and decoded ahead. */
const framesAhead = 3;

/**
 * The frames of a video one after the other, as ffmpeg decodes them and writes them to a pipe. No more than a few are in memory: while nobody takes them, the pipe is not read, and ffmpeg waits.
 */
export class FrameStream {
  readonly path: string;
  readonly #running: Running;
  readonly #frameBytes: number;
  /** Frames that are whole, in order. */
  readonly #whole: Uint8Array[] = [];
  /** Frames that can be filled again. */
  readonly #free: Uint8Array[] = [];
  /** Undefined where there is no room. */
  #filling: Uint8Array | undefined;
  #filled = 0;
  /** Bytes that came of the pipe when there was no room: the rest of a piece, and, since Node reads a pipe to its end when the process has ended, what was in the pipe then. */
  #rest: Uint8Array[] = [];
  #made = 1;
  #wake: (() => void) | undefined;
  #isAtEnd = false;
  #code = 0;
  #failure: unknown;
  /** The error messages of ffmpeg when it was ended early. */
  #left: string | undefined;

  /**
   * @param frameBytes - the size of a frame
   * @param output - ffmpeg's options for what is written
   */
  static async open(path: string, frameBytes: number, output: readonly string[]): Promise<FrameStream> {
    const once = await everyFrameOnce();
    const args = ["-nostdin", "-hide_banner", "-v", "error", "-i", asInput(path), "-map", `0:${pictureStream}`];
    return new FrameStream(
      path,
      frameBytes,
      start("ffmpeg", [...args, ...once, "-f", "rawvideo", ...output, "pipe:1"]),
    );
  }

  private constructor(path: string, frameBytes: number, running: Running) {
    this.path = path;
    this.#frameBytes = frameBytes;
    this.#running = running;
    this.#filling = new Uint8Array(frameBytes);
    const { stdout } = running.process;
    stdout?.on("data", (piece: Uint8Array) => this.#take(piece));
    running.ended.then(
      (code) => {
        this.#code = code;
        this.#isAtEnd = true;
        this.#wake?.();
      },
      (error) => {
        this.#failure = error;
        this.#isAtEnd = true;
        this.#wake?.();
      },
    );
  }

  /** Puts a piece of the pipe into frames, as far as there is room. */
  #take(piece: Uint8Array): void {
    for (let from = 0; from < piece.length; ) {
      if (this.#filling === undefined) {
        this.#rest.push(piece.subarray(from));
        this.#running.process.stdout?.pause();
        return;
      }
      const end = Math.min(from + this.#frameBytes - this.#filled, piece.length);
      this.#filling.set(piece.subarray(from, end), this.#filled);
      this.#filled += end - from;
      from = end;
      if (this.#filled < this.#frameBytes) continue;
      this.#whole.push(this.#filling);
      this.#filled = 0;
      this.#filling = this.#free.pop() ?? (this.#made < framesAhead ? this.#make() : undefined);
      this.#wake?.();
    }
  }

  #make(): Uint8Array {
    this.#made++;
    return new Uint8Array(this.#frameBytes);
  }

  /** The next frame, which is the caller's until it is given back; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    while (this.#whole.length === 0) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isAtEnd) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return this.#whole.shift();
  }

  /** Lets a frame be filled again. */
  giveBack(frame: Uint8Array): void {
    if (this.#filling !== undefined) {
      this.#free.push(frame);
      return;
    }
    this.#filling = frame;
    const rest = this.#rest;
    this.#rest = [];
    for (const piece of rest) this.#take(piece);
    if (this.#rest.length === 0) this.#running.process.stdout?.resume();
  }

  /** The problem of the file, so far or, at the end, in all: an error message of ffmpeg, or half a frame. */
  problem(): string | undefined {
    if (this.#left !== undefined) return this.#left || undefined;
    const complaint = this.#running.complaint().split("\n")[0];
    if (complaint !== "" || this.#code !== 0) return complaint || `ffmpeg ended with ${this.#code}`;
    return this.#isAtEnd && this.#filled > 0 ? "its last frame is not whole" : undefined;
  }

  /** Ends ffmpeg, wherever it is, and waits for it. What it says of that is no problem of the file. */
  async close(): Promise<void> {
    const { process, ended, complaint } = this.#running;
    if (!this.#isAtEnd) {
      this.#left = complaint().split("\n")[0];
      process.kill("SIGKILL");
    }
    process.stdout?.destroy();
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
