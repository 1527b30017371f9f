import { ReconlossError } from "@reconloss/core";
import { checkFields } from "@reconloss/core/internal";

/** Where the queue is. */
export interface QueueOptions {
  /**
   * `redis://host:port/db`, or `rediss://` for TLS; Valkey speaks the same. User name and password may be in it; better in the environment variables `RECONLOSS_REDIS_USERNAME` and
   * `RECONLOSS_REDIS_PASSWORD`, which no list of processes shows. Default: `RECONLOSS_REDIS_URL`.
   */
  redis?: string;
  /** What the keys in Redis begin with, so that one server can be shared. Default `reconloss`. */
  prefix?: string;
}

/** The queue's server, and how messages name it. */
export interface Connection {
  readonly options: {
    readonly url: string;
    readonly username?: string;
    readonly password?: string;
    readonly maxRetriesPerRequest: null;
  };
  readonly prefix: string;
  /** The address without credentials. */
  readonly name: string;
}

/** Fields of {@link QueueOptions}, for checks of arguments. */
export const queueFields = { redis: "string", prefix: "string" } as const;

/**
 * Reads where the queue is from options and environment.
 *
 * @throws {ReconlossError} `invalid-argument` for an address that is none
 */
export function connectionOf(options: QueueOptions): Connection {
  checkFields("options", options, queueFields);
  const { RECONLOSS_REDIS_URL, RECONLOSS_REDIS_USERNAME, RECONLOSS_REDIS_PASSWORD } = process.env;
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
  return {
    options: {
      url: url.href,
      ...(username === "" ? {} : { username }),
      ...(password === "" ? {} : { password }),
      maxRetriesPerRequest: null,
    },
    prefix: options.prefix ?? "reconloss",
    name: url.href,
  };
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
