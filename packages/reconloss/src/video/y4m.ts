import { ReconlossError } from "@reconloss/core";

/** The line before each frame, as ffmpeg writes it. */
const mark = "FRAME\n";

/** The most bytes of the first line; ffmpeg's has less than a hundred. */
const mostHead = 1000;

/** Pixel formats that ffmpeg writes as YUV4MPEG2 in all its versions. */
const formats = /^(?:gray|yuvj?4(?:20|22|44)p)$/;

/** Whether frames of a pixel format can be written as YUV4MPEG2 (https://wiki.multimedia.cx/index.php/YUV4MPEG2), planes of 8 bits as in raw video. */
export function canBeY4m(format: string): boolean {
  return formats.test(format);
}

/**
 * The lines of a YUV4MPEG2 stream around its frames. ffmpeg writes frames in it from where they were decoded, whereas raw video is a codec to it, whose packets are one more copy of each frame.
 */
export class Y4mLines {
  readonly #size: string;
  #head = "";
  /** The piece of a line that is read next: of the first, whose length nobody knows, a byte; then all of the line before a frame. */
  #piece: Uint8Array | undefined = new Uint8Array(1);
  #filled = 0;

  /** @param size - height and width that frames must have */
  constructor([height, width]: readonly [height: number, width: number]) {
    this.#size = `W${width} H${height}`;
  }

  /** Memory for the bytes that are next in a line; undefined where those of a frame are. */
  room(): Uint8Array | undefined {
    return this.#piece?.subarray(this.#filled);
  }

  /**
   * Notes bytes that lie in {@link room}.
   *
   * @throws {ReconlossError} `image` for another size, or what is no such stream
   */
  took(bytes: number): void {
    const piece = this.#piece as Uint8Array;
    this.#filled += bytes;
    if (this.#filled < piece.length) return;
    const text = String.fromCharCode(...piece);
    if (piece.length === mark.length) {
      if (text !== mark) throw notTheStream(text);
      this.#piece = undefined;
      return;
    }
    this.#head += text;
    if (text === "\n") this.#checkHead();
    else if (this.#head.length > mostHead) throw notTheStream(this.#head);
    else this.#filled = 0;
  }

  #checkHead(): void {
    const [magic, width, height] = this.#head.trimEnd().split(" ");
    if (magic !== "YUV4MPEG2") throw notTheStream(this.#head);
    const size = `${width} ${height}`;
    if (size !== this.#size)
      throw new ReconlossError("image", `ffmpeg decodes frames of ${size}, but the file states ${this.#size}`);
    this.frameEnded();
  }

  /** Notes that a frame is whole: a line is next. */
  frameEnded(): void {
    this.#piece = new Uint8Array(mark.length);
    this.#filled = 0;
  }

  /** Whether the stream may end here. */
  get isBetweenFrames(): boolean {
    return this.#filled === 0 && (this.#head === "" || this.#head.endsWith("\n"));
  }
}

function notTheStream(text: string): ReconlossError {
  return new ReconlossError(
    "image",
    `ffmpeg wrote ${JSON.stringify(text.slice(0, 40))} where a YUV4MPEG2 line belongs`,
  );
}
