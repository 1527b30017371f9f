/**
 * Everything of `@reconloss/core`.
 *
 * @module
 */
import "./weights/disk.ts";

export * from "@reconloss/core";
