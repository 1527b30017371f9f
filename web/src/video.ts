import { type Picture, pictureOf } from "./decode.ts";

/** A video whose frames are pictures. */
export interface Video {
  readonly name: string;
  /** In seconds. */
  readonly duration: number;
  /** The frame that is shown at a time. */
  frameAt(seconds: number): Promise<Picture>;
}

/** Waits for an event of a video that comes next. */
function next(video: HTMLVideoElement, event: "loadeddata" | "seeked", name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    video.addEventListener(event, () => resolve(), { once: true });
    const problem = new Error(`${name}: this browser cannot read it as a video`);
    video.addEventListener("error", () => reject(problem), { once: true });
  });
}

/** Opens a video that the browser can play. */
export async function openVideo(file: File): Promise<Video> {
  const video = Object.assign(document.createElement("video"), { muted: true, preload: "auto" });
  const loaded = next(video, "loadeddata", file.name);
  video.src = URL.createObjectURL(file);
  await loaded;
  // One at a time: a frame is read only where the video stands still.
  let last: Promise<unknown> = Promise.resolve();
  const frameAt = async (seconds: number) => {
    if (video.currentTime !== seconds) {
      const arrived = next(video, "seeked", file.name);
      video.currentTime = seconds;
      await arrived;
    }
    return pictureOf(video, video.videoWidth, video.videoHeight, `${file.name} at ${seconds.toFixed(2)} s`);
  };
  return {
    name: file.name,
    duration: Number.isFinite(video.duration) ? video.duration : 0,
    frameAt: (seconds) => {
      const frame = last.then(() => frameAt(seconds));
      last = frame.catch(() => {});
      return frame;
    },
  };
}
