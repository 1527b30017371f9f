/** All of `@reconloss/core/metrics`. */
export * from "@reconloss/core/metrics";
