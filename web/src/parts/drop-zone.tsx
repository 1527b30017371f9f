import { useRef, useState } from "preact/hooks";
import { decode, type Picture } from "../decode.ts";
import { droppedFolder, type Folder, pickedFolder } from "../folder.ts";
import { openVideo, type Video } from "../video.ts";

/** A place to drop, pick or paste an image, a video of which a frame is the image, or a folder of images. */
export function DropZone({
  title,
  holds,
  onPicture,
  onFolder,
  onError,
}: {
  title: string;
  /** The picture or the folder that is there. */
  holds?: Picture | Folder;
  onPicture: (picture: Picture) => void;
  /** Absent where one image is wanted. */
  onFolder?: (folder: Folder) => void;
  onError: (message: string) => void;
}) {
  const [isOver, setOver] = useState(false);
  const [video, setVideo] = useState<Video>();
  const [seconds, setSeconds] = useState(0);
  const asked = useRef(0);
  const refuse = (error: Error) => onError(error.message);
  const showFrame = async (of: Video, at: number) => {
    const ask = ++asked.current;
    setSeconds(at);
    const frame = await of.frameAt(at);
    if (ask === asked.current) onPicture(frame);
  };
  const take = async (items: ArrayLike<File> | null | undefined) => {
    const [file, ...others] = Array.from(items ?? []);
    if (others.length > 0)
      throw new Error(
        `${others.length + 1} files: one image is wanted here${onFolder ? ", or a folder of images" : ""}`,
      );
    if (file === undefined) return;
    if (!file.type.startsWith("video/")) {
      const picture = await decode(file, file.name);
      setVideo(undefined);
      onPicture(picture);
      return;
    }
    const opened = await openVideo(file);
    setVideo(opened);
    await showFrame(opened, 0);
  };
  const takeFolder = (folder: Folder) => {
    if (onFolder === undefined) throw new Error(`${folder.name} is a folder: one image is wanted here`);
    setVideo(undefined);
    onFolder(folder);
  };
  return (
    <div
      class={isOver ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        const folder = droppedFolder(event.dataTransfer?.items);
        (folder ? folder.then(takeFolder) : take(event.dataTransfer?.files)).catch(refuse);
      }}
      onPaste={(event) => void take(event.clipboardData?.files).catch(refuse)}
    >
      <label>
        <strong>{title}</strong>
        <span class="button">choose an image</span>
        <input
          class="hidden"
          type="file"
          accept="image/*,video/*"
          onChange={({ currentTarget }) => void take(currentTarget.files).catch(refuse)}
        />
      </label>{" "}
      {onFolder && (
        <label>
          <span class="button">a folder</span>
          <input
            class="hidden"
            type="file"
            aria-label={`${title}: choose a folder`}
            onChange={({ currentTarget }) => {
              const { files } = currentTarget;
              if (!files?.length) return;
              try {
                takeFolder(pickedFolder(files));
              } catch (error) {
                refuse(error as Error);
              }
            }}
            {...{ webkitdirectory: true }}
          />
        </label>
      )}
      <div class="quiet">
        {holds === undefined
          ? "or drop or paste one here, or a frame of a video"
          : "files" in holds
            ? `${holds.name}, ${holds.files.size} images`
            : `${holds.name}, ${holds.width}x${holds.height}`}
      </div>
      {video && (
        <label>
          <span>frame at {seconds.toFixed(2)} s</span>
          <input
            type="range"
            min="0"
            max={video.duration}
            step="0.01"
            value={seconds}
            onInput={({ currentTarget }) => void showFrame(video, Number(currentTarget.value)).catch(refuse)}
          />
        </label>
      )}
    </div>
  );
}
