import type { WorkFlags } from "./finished.ts";
import type { GateFlags } from "./gates.ts";
import type { MeasureFlags } from "./measures.ts";
import type { PairingFlags } from "./pairing-options.ts";
import type { VideoFlags } from "./video.ts";

/** The outputs of a comparison. */
export interface ComparisonFlags {
  /** A file, or `-` for standard output in place of the table. */
  json?: string;
  csv?: string;
  jsonl?: string;
  report?: string;
  /** Whether pairs were printed as they came. */
  stream?: boolean;
}

/** The options of `compare`. */
export interface CompareFlags extends MeasureFlags, PairingFlags, ComparisonFlags, WorkFlags, GateFlags, VideoFlags {
  list?: string;
  inspect: boolean;
  targets?: string;
  maps?: string;
  markdown?: string;
  latex?: string;
  intervals: boolean;
  seed: number;
}
