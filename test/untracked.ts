import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The files that git neither tracks nor ignores; undefined where the sources are no checkout. */
function untracked(): readonly string[] | undefined {
  try {
    const listed = execFileSync("git", ["ls-files", "-z", "--others", "--exclude-standard"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return listed.split("\0").filter((path) => path !== "");
  } catch {
    return undefined;
  }
}

/** Fails a run in which a test has written beside the sources: tests write into folders of their own (test/folder.ts). */
export default function setup(): () => void {
  const before = untracked();
  return () => {
    const written = untracked()?.filter((path) => !before?.includes(path)) ?? [];
    if (before === undefined || written.length === 0) return;
    // Vitest only prints what is thrown here.
    process.exitCode = 1;
    throw new Error(`files were written into the repository while its tests ran: ${written.join(", ")}`);
  };
}
