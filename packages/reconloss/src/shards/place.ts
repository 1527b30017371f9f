import { ReconlossError } from "@reconloss/core";
import { isUrl } from "../http.ts";

/** The variables of a process's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The place where the parts of a plan are kept. */
export interface PartsPlace {
  /**
   * An address that parts are PUT under and fetched from, `https://store/prefix/`, in place of the folder of the work, of which each machine then needs the manifest alone. Credentials are in the
   * environment, never in the address: `RECONLOSS_PARTS_USERNAME` and `RECONLOSS_PARTS_PASSWORD`, or `RECONLOSS_PARTS_HEADERS` (lines `name: value`), and `RECONLOSS_PARTS_QUERY`.
   */
  parts?: string;
}

/**
 * Refuses an address of parts that is none, or has secrets in it: it is written into the manifest.
 *
 * @returns it with a slash at its end
 * @throws {ReconlossError} `invalid-argument`, without the address
 */
export function checkPlace(address: string): string {
  const url = isUrl(address) && URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined) {
    throw new ReconlossError("invalid-argument", "the address of parts must be http://... or https://...");
  }
  if (url.username || url.password || url.search || url.hash) {
    throw new ReconlossError(
      "invalid-argument",
      "the address of parts must have no user name, password or query, because it is written into the manifest; pass them by environment variables: RECONLOSS_PARTS_USERNAME, " +
        "RECONLOSS_PARTS_PASSWORD, RECONLOSS_PARTS_HEADERS, RECONLOSS_PARTS_QUERY",
    );
  }
  return url.href.replace(/\/*$/, "/");
}

/** Refuses an address of a plan's parts, where it has one, before anything is looked at. */
export function checkParts({ parts }: PartsPlace): void {
  if (parts !== undefined) checkPlace(parts);
}

/** The headers and the query of each request, from the environment. */
export function credentialsOf(env: Environment): { query: string; headers: Record<string, string> } {
  const { RECONLOSS_PARTS_USERNAME: user, RECONLOSS_PARTS_PASSWORD: password } = env;
  const { RECONLOSS_PARTS_HEADERS: lines = "", RECONLOSS_PARTS_QUERY: query = "" } = env;
  const headers: Record<string, string> = {};
  if (user !== undefined || password !== undefined) {
    headers.authorization = `Basic ${Buffer.from(`${user ?? ""}:${password ?? ""}`).toString("base64")}`;
  }
  for (const line of lines.split(/\r?\n/).filter((each) => each.trim() !== "")) {
    const { name, value } =
      /^(?<name>[!#$%&'*+.^`|~\w-]+):[ \t]*(?<value>[\t\x20-\x7e]*)$/.exec(line.trim())?.groups ?? {};
    if (name === undefined) {
      throw new ReconlossError("invalid-argument", 'RECONLOSS_PARTS_HEADERS must be lines "name: value"');
    }
    headers[name.toLowerCase()] = value;
  }
  return { query: query.replace(/^\?/, ""), headers };
}
