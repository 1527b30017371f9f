import { randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, machine } from "./files.ts";

const pollInterval = 100;
const defaultStale = 30_000;

/** Whoever holds a lock, as its file says. */
export interface LockHolder {
  readonly owner: string;
  /** A mark of the machine: process numbers mean nothing on another. */
  readonly machine: string;
  readonly pid: number;
}

/** The options of waiting for a lock. */
export interface LockOptions {
  /** Milliseconds without a sign of life after which a holder on another machine counts as dead; default 30000. */
  staleLock?: number;
  signal?: AbortSignal;
  /** Called once, when another process holds the lock and is waited for. */
  onWait?: (holder: LockHolder | undefined) => void;
}

/** A lock that is held; whoever holds it lets go of it. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * Takes a lock file if nobody holds it. The holder renews the file's time while it lives. A lock is broken at once where its process, on this
 * machine, is dead, and else when its time has not changed for `staleLock` milliseconds: a time in the future, as a wrong clock leaves it, is no sign of life.
 *
 * @returns the lock, or whoever holds it: undefined where the file does not say
 */
export async function tryLock(
  path: string,
  { staleLock = defaultStale }: LockOptions = {},
): Promise<{ lock: Lock } | { holder: LockHolder | undefined }> {
  const mine: LockHolder = { owner: randomUUID(), machine, pid: process.pid };
  if (!(await claim(path, mine))) {
    await removeStale(path, staleLock);
    if (!(await claim(path, mine))) return { holder: await holderOf(path) };
  }
  const renewal = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, staleLock / 4);
  renewal.unref();
  const release = async () => {
    clearInterval(renewal);
    if ((await holderOf(path))?.owner === mine.owner) await rm(path, { force: true });
  };
  return { lock: { release } };
}

/** Does `work` while no other process that asks for the same lock file does; waits for the lock as long as it takes. */
export async function withLock<R>(path: string, options: LockOptions, work: () => Promise<R>): Promise<R> {
  let waiting = false;
  for (;;) {
    const taken = await tryLock(path, options);
    if ("lock" in taken) return work().finally(() => taken.lock.release());
    if (!waiting) options.onWait?.(taken.holder);
    waiting = true;
    await delay(pollInterval, undefined, { signal: options.signal });
  }
}

async function claim(path: string, holder: LockHolder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(holder), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function holderOf(path: string): Promise<LockHolder | undefined> {
  try {
    const holder = JSON.parse(await readFile(path, "utf8"));
    return Number.isSafeInteger(holder?.pid) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** The time, by this process's own clock, when a lock file's timestamp was first seen as it is. */
const seen = new Map<string, { time: number; since: number }>();

async function removeStale(path: string, staleLock: number): Promise<void> {
  try {
    const { mtimeMs } = await stat(path);
    const holder = await holderOf(path);
    const isDead = holder?.machine === machine && !isAlive(holder.pid);
    const before = seen.get(path);
    const since = before?.time === mtimeMs ? before.since : performance.now();
    seen.set(path, { time: mtimeMs, since });
    const isSilent = Date.now() - mtimeMs >= staleLock || performance.now() - since >= staleLock;
    if (!isDead && !isSilent) return;
    seen.delete(path);
    // Only one of several that see the stale lock succeeds in renaming it.
    const aside = `${path}.${randomUUID()}`;
    await rename(path, aside);
    await rm(aside, { force: true });
  } catch {
    // Another process was faster.
  }
}
