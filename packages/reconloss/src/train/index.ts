/**
 * All of `@reconloss/core/train`, and checkpoints in files.
 *
 * @module
 */
export * from "@reconloss/core/train";
export { loadCheckpoint, type Resumable, saveCheckpoint } from "./checkpoint-files.ts";
