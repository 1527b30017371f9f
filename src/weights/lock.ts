import { randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

const POLL_INTERVAL = 100;
const DEFAULT_STALE = 30_000;

/**
 * Does `work` while no other process that asks for the same lock file does. The holder renews the file's time while it lives, so a lock that
 * a killed process left behind is taken over after `staleLock` milliseconds; that works across machines that share a folder, too.
 */
export async function withLock<R>(
  path: string,
  { staleLock = DEFAULT_STALE, signal }: { staleLock?: number; signal?: AbortSignal },
  work: () => Promise<R>,
): Promise<R> {
  const owner = randomUUID();
  while (!(await claim(path, owner))) {
    await removeStale(path, staleLock);
    await delay(POLL_INTERVAL, undefined, { signal });
  }
  const renewal = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, staleLock / 4);
  renewal.unref();
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    if ((await readFile(path, "utf8").catch(() => "")) === owner) await rm(path, { force: true });
  }
}

async function claim(path: string, owner: string): Promise<boolean> {
  try {
    await writeFile(path, owner, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function removeStale(path: string, staleLock: number): Promise<void> {
  try {
    if (Date.now() - (await stat(path)).mtimeMs < staleLock) return;
    // Only one of several that see the stale lock succeeds in renaming it.
    const aside = `${path}.${randomUUID()}`;
    await rename(path, aside);
    await rm(aside, { force: true });
  } catch {
    // Another process was faster.
  }
}
