/**
 * Everything of `@reconloss/core`.
 *
 * @module
 */
import "./image/decode-input.ts";
import "./weights/disk.ts";

export * from "@reconloss/core";
