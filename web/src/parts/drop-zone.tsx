import { useState } from "preact/hooks";
import { decode, type Picture } from "../pictures.ts";

/** A place to drop, pick or paste one image. */
export function DropZone({
  title,
  picture,
  onPicture,
  onError,
}: {
  title: string;
  picture?: Picture;
  onPicture: (picture: Picture) => void;
  onError: (message: string) => void;
}) {
  const [isOver, setOver] = useState(false);
  const take = async (items: Iterable<File> | ArrayLike<File> | null | undefined) => {
    const [file] = Array.from(items ?? []);
    if (file === undefined) return;
    await decode(file, file.name).then(onPicture, (error: Error) => onError(error.message));
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
        void take(event.dataTransfer?.files);
      }}
      onPaste={(event) => void take(event.clipboardData?.files)}
    >
      <label>
        <strong>{title}</strong>
        <span class="button">choose an image</span>
        <input
          class="hidden"
          type="file"
          accept="image/*"
          onChange={({ currentTarget }) => void take(currentTarget.files)}
        />
      </label>
      <div class="quiet">
        {picture ? `${picture.name}, ${picture.width}x${picture.height}` : "or drop or paste one here"}
      </div>
    </div>
  );
}
