import { ReconlossError } from "@reconloss/core";
import { compareKind } from "./compare.ts";
import { distributionKind } from "./distribution.ts";
import type { ShardKind } from "./kind.ts";
import type { Manifest } from "./manifest.ts";
import { statsKind } from "./stats.ts";

/** The kinds of work that are done in shards. */
export const shardKinds = { compare: compareKind, distribution: distributionKind, stats: statsKind };

/** The kind of a plan. */
export function kindOf({ kind }: Manifest): ShardKind<unknown> {
  if (Object.hasOwn(shardKinds, kind)) return shardKinds[kind as keyof typeof shardKinds] as ShardKind<unknown>;
  throw new ReconlossError("content", `this version does not support plans of kind ${kind}`);
}
