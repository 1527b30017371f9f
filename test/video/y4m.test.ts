import { describe, expect, it } from "vitest";
import { Y4mLines } from "../../packages/reconloss/src/video/y4m.ts";

/** Gives a stream to a reader in pieces of a size; returns the frames' bytes, and whether it may end where it does. */
function read(stream: string, frameBytes: number, pieces: number) {
  const lines = new Y4mLines([2, 3]);
  const source = new TextEncoder().encode(stream);
  const frames: number[][] = [];
  let frame: number[] = [];
  for (let at = 0; at < source.length; ) {
    const room = lines.room();
    const most = Math.min(pieces, source.length - at, room?.length ?? frameBytes - frame.length);
    const piece = source.subarray(at, at + most);
    at += most;
    if (room) {
      room.set(piece);
      lines.took(most);
      continue;
    }
    frame.push(...piece);
    if (frame.length < frameBytes) continue;
    frames.push(frame);
    frame = [];
    lines.frameEnded();
  }
  return { frames: frames.map((bytes) => String.fromCharCode(...bytes)), isBetweenFrames: lines.isBetweenFrames };
}

const head = "YUV4MPEG2 W3 H2 F30:1 Ip A1:1 Cmono\n";

describe("the lines of a YUV4MPEG2 stream", () => {
  it.each([1, 2, 5, 1000])("are separated from its frames, in pieces of %i bytes", (pieces) => {
    const { frames, isBetweenFrames } = read(`${head}FRAME\nabcdefFRAME\n\nRAMEF`, 6, pieces);
    expect(frames).toEqual(["abcdef", "\nRAMEF"]);
    expect(isBetweenFrames).toBe(true);
  });

  it("end only between frames", () => {
    for (const [stream, isWhole] of [
      ["", true],
      ["YUV4MPEG2 W3", false],
      [head, true],
      [`${head}FRA`, false],
    ] as const) {
      expect(read(stream, 6, 1).isBetweenFrames, stream).toBe(isWhole);
    }
  });

  it.each([
    ["YUV4MPEG2 W4 H2 F30:1\n", "ffmpeg decodes frames of W4 H2, but the file states W3 H2"],
    ["YUV4MPEG1 W3 H2\n", 'ffmpeg wrote "YUV4MPEG1 W3 H2\\n" where a YUV4MPEG2 line belongs'],
    [`${head}abcdef`, 'ffmpeg wrote "abcdef" where'],
    ["x".repeat(2000), 'ffmpeg wrote "xxxx'],
  ])("are refused where invalid: %j", (stream, message) => {
    expect(() => read(stream, 6, 7)).toThrow(message);
  });
});
