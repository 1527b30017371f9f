import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { ReconlossError } from "@reconloss/core";

/** The reason inside an unknown thrown value, as text. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** A byte of a file name that is not UTF-8, as a lone surrogate: 0x80 to 0xFF are U+DC80 to U+DCFF (as Python's PEP 383 has it). */
const strayByte = /[\udc80-\udcff]/u;

/**
 * A file name as text, from which {@link systemPath} makes the same bytes again: bytes that are not UTF-8 become lone surrogates.
 *
 * @param bytes - a name as `readdir` gives it with the encoding `buffer`
 */
export function nameFromBytes(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let name = "";
  for (let at = 0; at < bytes.length; ) {
    const length = [0xf0, 0xe0, 0xc0].findIndex((lead) => bytes[at] >= lead);
    const end = at + (bytes[at] < 0x80 || length < 0 ? 1 : 4 - length);
    try {
      name += decoder.decode(bytes.subarray(at, end));
      at = end;
    } catch {
      name += String.fromCharCode(0xdc00 + bytes[at++]);
    }
  }
  return name;
}

/** A path as system calls take it: as it is, or its bytes where it has some that are not UTF-8 (see {@link nameFromBytes}). */
export function systemPath(path: string): string | Buffer {
  if (process.platform === "win32" || !strayByte.test(path)) return path;
  const letters = Array.from(path, (letter) =>
    strayByte.test(letter) ? Buffer.of(letter.charCodeAt(0) - 0xdc00) : Buffer.from(letter),
  );
  return Buffer.concat(letters);
}

/** The problem with a path that was to be read, in words. */
function problemOf(cause: unknown): string {
  const known: Record<string, string> = {
    ENOENT: "there is no such file",
    EISDIR: "it is a folder",
    EACCES: "it may not be read (permission denied)",
    ENXIO: "it is a socket or a device, not a file",
  };
  return known[(cause as NodeJS.ErrnoException).code ?? ""] ?? reasonOf(cause);
}

type Stats = Awaited<ReturnType<FileHandle["stat"]>>;

function refuseOthers(stats: Stats): void {
  if (stats.isFile()) return;
  if (stats.isDirectory()) throw new Error("it is a folder");
  const kind = stats.isFIFO() ? "a named pipe" : stats.isSocket() ? "a socket" : "a device";
  throw new Error(`it is ${kind}, not a file`);
}

/** The error that a file which cannot be read is told with. */
export type FileError = (reason: string, cause: unknown) => Error;

const fileError =
  (path: string): FileError =>
  (reason, cause) =>
    new ReconlossError("file", `cannot read ${path}: ${reason}`, { cause });

/**
 * Opens a file for reading; every file that comes from outside is opened here. Only regular files are: a named pipe would wait for a
 * writer for ever, a device such as `/dev/zero` has no end.
 *
 * @param path - may hold bytes that are not UTF-8, as {@link nameFromBytes} writes them
 * @param error - makes the error that is thrown; default: `file`, "cannot read PATH: REASON"
 * @returns the handle, to be closed by the caller, and the size in bytes
 * @throws {ReconlossError} `file` for what is missing, may not be read, or is no regular file
 */
export async function openFile(path: string, error = fileError(path)): Promise<{ handle: FileHandle; size: number }> {
  let handle: FileHandle | undefined;
  try {
    const at = systemPath(path);
    // Looked at before it is opened, because opening a device can do something, and after, because the path may lead elsewhere by then.
    refuseOthers(await stat(at));
    handle = await open(at, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await handle.stat();
    refuseOthers(stats);
    return { handle, size: stats.size };
  } catch (cause) {
    await handle?.close();
    throw error(problemOf(cause), cause);
  }
}

/**
 * Makes a folder, and those above it that are missing; one that is there already stays as it is. File systems that take no folders, such as /proc, answer
 * that there is no such place, which Node's own `recursive` asks for ever.
 */
export async function makeFolder(path: string): Promise<void> {
  const isThere = async () => (await stat(systemPath(path)).catch(() => undefined))?.isDirectory() === true;
  const make = () => mkdir(systemPath(path));
  try {
    await make();
  } catch (cause) {
    if (await isThere()) return;
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT" || dirname(path) === path) throw cause;
    await makeFolder(dirname(path));
    await make().catch(async (again) => {
      // Another process may have been faster.
      if (!(await isThere())) throw again;
    });
  }
}

/** The most bytes that one system call is asked for. */
const largestRead = 2 ** 30;

/**
 * The bytes of a file, opened as {@link openFile} does.
 *
 * @param options.most - the most bytes it may have, looked at before any is read; default: 4 GiB
 * @param options.error - as of {@link openFile}
 * @throws {ReconlossError} `file` as {@link openFile}, and for a file that is larger
 */
export async function readFileBytes(
  path: string,
  { most = 2 ** 32, error = fileError(path) }: { most?: number; error?: FileError } = {},
): Promise<Uint8Array> {
  return readFrom(path, error, (size) => {
    if (size > most) throw new Error(`it has ${size} bytes, and at most ${most} are read`);
    return size;
  });
}

/**
 * The first bytes of a file, opened as {@link openFile} does; fewer where it is shorter.
 *
 * @throws {ReconlossError} `file` as {@link openFile}
 */
export async function readFileHead(path: string, length: number): Promise<Uint8Array> {
  return readFrom(path, fileError(path), (size) => Math.min(size, length));
}

/** Returns the size of a file in bytes, 0 where there is none. */
export async function fileSize(path: string): Promise<number> {
  return stat(systemPath(path)).then(
    ({ size }) => size,
    () => 0,
  );
}

async function readFrom(path: string, error: FileError, lengthOf: (size: number) => number): Promise<Uint8Array> {
  const { handle, size } = await openFile(path, error);
  try {
    const bytes = new Uint8Array(lengthOf(size));
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await handle.read(bytes, done, Math.min(bytes.length - done, largestRead), done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } catch (cause) {
    throw error(problemOf(cause), cause);
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file so that whoever reads it sees the old content or the new, never a part: the data goes to a temporary file in the
 * same folder, is flushed to the disk, and then takes the target's name. Missing parent folders are made. A link keeps pointing where it
 * did and its target is written; a device or pipe, such as /dev/stdout, is written directly. What a killed process left half written in the folder is removed.
 *
 * @param path where to write; an existing file is replaced
 * @param data the whole content; text is written as UTF-8
 * @throws {ReconlossError} `file` when the folder or file cannot be made or written, or `path` is a folder; no temporary is left
 */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  await writePiecesAtomically(path, (file) => file.writeFile(data));
}

/**
 * Copies a file as {@link writeFileAtomically} writes one.
 *
 * @throws {ReconlossError} `file` as {@link openFile} and {@link writeFileAtomically}
 */
export async function copyFileAtomically(from: string, to: string): Promise<void> {
  const { handle } = await openFile(from);
  await writePiecesAtomically(to, async (file) => {
    for await (const piece of handle.createReadStream({ autoClose: false })) await file.appendFile(piece);
  }).finally(() => handle.close());
}

/**
 * Writes a file as {@link writeFileAtomically} does, by a function that writes its content piece by piece.
 *
 * @throws {ReconlossError} `file` as {@link writeFileAtomically}; a ReconlossError of the function as it is
 */
export async function writePiecesAtomically(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    const existing = await stat(systemPath(path)).catch(() => undefined);
    if (existing?.isDirectory()) throw new Error("it is a folder");
    if (existing && !existing.isFile()) {
      const device = await open(systemPath(path), "w");
      return await write(device).finally(() => device.close());
    }
    await replace(existing ? nameFromBytes(await realpath(systemPath(path), "buffer")) : path, write);
  } catch (cause) {
    if (cause instanceof ReconlossError) throw cause;
    throw new ReconlossError("file", `cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function replace(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder);
  await removeLeftovers(folder);
  const temporary = join(folder, temporaryName());
  try {
    const file = await open(systemPath(temporary), "wx");
    try {
      await write(file);
      // Flushed before it is renamed: after a power cut the name must not stand for a file without content.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(systemPath(temporary), systemPath(path));
  } catch (cause) {
    await rm(systemPath(temporary), { force: true });
    throw cause;
  }
}

/** This machine, as far as a name can tell: process numbers mean nothing on another that shares the folder. */
export const machine = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);

/** A temporary file's name: whose it is can be seen, and its length is its own, because the target's may already be as long as the file system allows. */
const temporaryName = () => `.reconloss-${machine}-${process.pid}-${randomUUID()}.tmp`;
const temporaryPattern = /^\.reconloss-(?<machine>[0-9a-f]{8})-(?<pid>\d+)-[0-9a-f-]{36}\.tmp$/;

/** Whether a process of this machine is alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Folders that were looked through for leftovers already. */
const tidied = new Set<string>();

/** Removes the temporary files that killed processes of this machine left in a folder; looked for once in each. */
async function removeLeftovers(folder: string): Promise<void> {
  if (tidied.has(folder)) return;
  tidied.add(folder);
  const names = await readdir(systemPath(folder)).catch(() => []);
  for (const name of names) {
    const { groups } = temporaryPattern.exec(name) ?? {};
    if (groups?.machine !== machine || isAlive(Number(groups.pid))) continue;
    await rm(join(folder, name), { force: true }).catch(() => {});
  }
}
