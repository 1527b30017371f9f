import { readFileSync } from "node:fs";
import { rootCertificates } from "node:tls";
import { ReconlossError } from "@reconloss/core";
import { checkFields } from "@reconloss/core/internal";
import { reasonOf } from "../files.ts";

/** The address of the queue. */
export interface QueueOptions {
  /**
   * `redis://host:port/db`, or `rediss://` for TLS; Valkey speaks the same. User name and password may be in it; better in the environment variables `RECONLOSS_REDIS_USERNAME` and
   * `RECONLOSS_REDIS_PASSWORD`, which no list of processes shows. Default: `RECONLOSS_REDIS_URL`.
   */
  redis?: string;
  /** Of `rediss://`: a file with the certificates (PEM) that the server's is trusted by, beside those that Node trusts. Default: `RECONLOSS_REDIS_CA`. */
  redisCa?: string;
  /** The prefix of the keys in Redis, by which one server can be shared. Default `reconloss`. */
  prefix?: string;
}

/** The queue's server, and how messages name it. */
export interface Connection {
  readonly options: {
    readonly url: string;
    readonly username?: string;
    readonly password?: string;
    readonly tls?: { readonly ca: string[] };
    readonly maxRetriesPerRequest: null;
  };
  readonly prefix: string;
  /** The address without credentials. */
  readonly name: string;
}

/** Fields of {@link QueueOptions}, for checks of arguments. */
export const queueFields = { redis: "string", redisCa: "string", prefix: "string" } as const;

/**
 * Reads where the queue is from options and environment.
 *
 * @throws {ReconlossError} `invalid-argument` for an address that is none
 */
export function connectionOf(options: QueueOptions): Connection {
  checkFields("options", options, queueFields);
  const { RECONLOSS_REDIS_URL, RECONLOSS_REDIS_USERNAME, RECONLOSS_REDIS_PASSWORD, RECONLOSS_REDIS_CA } = process.env;
  const address = options.redis ?? RECONLOSS_REDIS_URL;
  if (address === undefined) {
    throw new ReconlossError(
      "invalid-argument",
      "no queue: give --redis redis://host:6379, or set RECONLOSS_REDIS_URL",
    );
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !["redis:", "rediss:"].includes(url.protocol) || url.hostname === "") {
    // A password may be in it, so it is not shown.
    throw new ReconlossError("invalid-argument", "the queue's address must be redis://host:port or rediss://host:port");
  }
  const username = RECONLOSS_REDIS_USERNAME ?? decodeURIComponent(url.username);
  const password = RECONLOSS_REDIS_PASSWORD ?? decodeURIComponent(url.password);
  url.username = "";
  url.password = "";
  const trusted = options.redisCa ?? RECONLOSS_REDIS_CA;
  if (options.redisCa !== undefined && url.protocol !== "rediss:") {
    throw new ReconlossError("invalid-argument", "redisCa (--redis-ca) applies only to rediss:// addresses");
  }
  return {
    options: {
      url: url.href,
      ...(trusted === undefined || url.protocol !== "rediss:" ? {} : { tls: { ca: certificatesIn(trusted) } }),
      ...(username === "" ? {} : { username }),
      ...(password === "" ? {} : { password }),
      maxRetriesPerRequest: null,
    },
    prefix: options.prefix ?? "reconloss",
    name: url.href,
  };
}

/** The certificates of a file, and those that Node trusts anyway, which a list of one's own would replace. */
function certificatesIn(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ReconlossError("file", `cannot read the certificates ${file}: ${reasonOf(cause)}`, { cause });
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new ReconlossError("invalid-argument", `${file} has no certificate in it (PEM)`);
  }
  return [...rootCertificates, text];
}

/**
 * Loads BullMQ, which is an optional dependency.
 *
 * @throws {ReconlossError} `missing-dependency`
 */
export async function loadBullmq(): Promise<typeof import("bullmq")> {
  try {
    await import("ioredis");
    return await import("bullmq");
  } catch (cause) {
    throw new ReconlossError(
      "missing-dependency",
      "a queue on Redis needs the packages bullmq and ioredis; install them: npm install bullmq ioredis",
      { cause },
    );
  }
}
