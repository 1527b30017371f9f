/** Files of a folder by their names relative to it. */
export interface Folder {
  readonly name: string;
  readonly files: ReadonlyMap<string, File>;
}

const isImage = (file: File) => file.type.startsWith("image/");

function folderOf(name: string, entries: readonly (readonly [string, File])[]): Folder {
  const files = new Map(entries.filter(([path, file]) => isImage(file) && !/(^|\/)\./.test(path)));
  if (files.size === 0) throw new Error(`folder ${name} contains no image that this browser reads`);
  return { name, files };
}

/** The folder whose files were picked. */
export function pickedFolder(files: ArrayLike<File>): Folder {
  const [first] = Array.from(files);
  const [name] = first.webkitRelativePath.split("/");
  return folderOf(
    name,
    Array.from(files, (file) => [file.webkitRelativePath.slice(name.length + 1), file] as const),
  );
}

async function filesOf(entry: FileSystemEntry, path: string): Promise<(readonly [string, File])[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [[path, file]];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: (readonly [string, File])[] = [];
  for (;;) {
    // Browsers give some hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const each of some) found.push(...(await filesOf(each, path === "" ? each.name : `${path}/${each.name}`)));
  }
}

/** The folder that was dropped, undefined where it was none; to be called in the event itself. */
export function droppedFolder(items: DataTransferItemList | undefined): Promise<Folder> | undefined {
  const entry = Array.from(items ?? [])[0]?.webkitGetAsEntry?.();
  if (!entry?.isDirectory) return undefined;
  return filesOf(entry, "").then((files) => folderOf(entry.name, files));
}
