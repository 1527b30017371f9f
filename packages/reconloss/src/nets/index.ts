/** All of `@reconloss/core/nets`. */
export * from "@reconloss/core/nets";
