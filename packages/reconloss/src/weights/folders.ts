import { homedir } from "node:os";
import { join } from "node:path";
import { checkArguments } from "@reconloss/core/internal";

/** The environment variables that say where weights are and how to get them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The folder of each platform for files that programs can fetch again; Linux follows the XDG base directory specification. */
function platformCache(env: Environment, platform: string): string {
  const home = homedir();
  if (platform === "win32") return join(env.LOCALAPPDATA || join(home, "AppData", "Local"), "reconloss", "Cache");
  if (platform === "darwin") return join(home, "Library", "Caches", "reconloss");
  return join(env.XDG_CACHE_HOME || join(home, ".cache"), "reconloss");
}

/**
 * The folder that downloaded weights are kept in: `weights` in `RECONLOSS_HOME`, else in the platform's cache folder.
 *
 * @example
 * ```ts
 * import { weightsCache } from "reconloss/weights";
 *
 * weightsCache({ RECONLOSS_HOME: "/data/reconloss" }, "linux"); // "/data/reconloss/weights"
 * ```
 */
export function weightsCache(env: Environment = process.env, platform: string = process.platform): string {
  checkArguments("weightsCache", { env: [env, "object?"], platform: [platform, "text?"] });
  return join(env.RECONLOSS_HOME || platformCache(env, platform), "weights");
}
