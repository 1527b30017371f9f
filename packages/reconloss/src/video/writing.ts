import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Running, start } from "./ffmpeg.ts";

/** The receiver of what a program writes. */
export interface Receiver {
  /** The memory that the next bytes belong into; never empty. */
  room(): Uint8Array;
  /** Told how many bytes lie there now; whether there is room for more. */
  took(bytes: number): boolean;
}

/** A program that writes to a receiver. */
export interface Writing {
  readonly running: Running;
  /** Resolves to the exit code when the program has ended and the receiver has everything; rejects where it cannot be run. */
  readonly ended: Promise<number>;
  /** Reads on after the receiver had no room. */
  goOn(): void;
  /** Reads no more. */
  stop(): void;
}

/** Starts ffmpeg, which writes to its standard output. */
export async function startWriting(args: readonly string[], receiver: Receiver): Promise<Writing> {
  return (await writingToSocket(args, receiver)) ?? writingToPipe(args, receiver);
}

/** Whether sockets can be given to programs as their standard output: not on Windows, where programs cannot write to them as to files. */
const canGiveSockets = process.platform !== "win32" && !("Bun" in globalThis) && !("Deno" in globalThis);

/**
 * By a socket of our own, which reads into the receiver's memory: frames are copied once less than out of the pieces in which Node has the output of programs, and pieces are several times as large.
 * Undefined where there can be none.
 */
export async function writingToSocket(args: readonly string[], receiver: Receiver): Promise<Writing | undefined> {
  const pair = canGiveSockets ? await socketPair(receiver).catch(() => undefined) : undefined;
  if (pair === undefined) return undefined;
  const [own, theirs] = pair;
  const closed = once(own, "close");
  const running = start("ffmpeg", args, { stdio: ["ignore", theirs, "pipe"] });
  // The program has its own.
  theirs.destroy();
  own.resume();
  const ended = running.ended.then(async (code) => {
    await closed;
    return code;
  });
  ended.catch(() => {});
  return { running, ended, goOn: () => own.resume(), stop: () => own.destroy() };
}

/** Two sockets that are connected with each other, the first of which reads into the receiver's memory. */
async function socketPair({ room, took }: Receiver): Promise<[own: Socket, theirs: Socket]> {
  // Nobody else can look into the folder.
  const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
  const server = createServer({ pauseOnConnect: true });
  try {
    const path = join(folder, "frames");
    await once(server.listen(path), "listening");
    const own = connect({ path, onread: { buffer: room, callback: took } });
    const [[theirs]] = await Promise.all([once(server, "connection"), once(own, "connect")]);
    // What ends a connection is told by how the program ended.
    own.on("error", () => {});
    return [own, theirs];
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** By a pipe of Node's. */
export function writingToPipe(args: readonly string[], { room, took }: Receiver): Writing {
  const running = start("ffmpeg", args);
  const { stdout } = running.process;
  let hasRoom = true;
  const read = () => {
    while (hasRoom) {
      const place = room();
      const piece: Uint8Array | null | undefined = stdout?.read(Math.min(place.length, stdout.readableLength));
      if (!piece) return;
      place.set(piece);
      hasRoom = took(piece.length);
    }
  };
  stdout?.on("readable", read);
  const goOn = () => {
    hasRoom = true;
    read();
  };
  return { running, ended: running.ended, goOn, stop: () => stdout?.destroy() };
}
