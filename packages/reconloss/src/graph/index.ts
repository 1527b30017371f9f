/** All of `@reconloss/core/graph`. */
export * from "@reconloss/core/graph";
