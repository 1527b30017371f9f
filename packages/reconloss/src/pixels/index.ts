/** All of `@reconloss/core/pixels`. */
export * from "@reconloss/core/pixels";
