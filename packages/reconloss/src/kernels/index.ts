/** All of `@reconloss/core/kernels`. */
export * from "@reconloss/core/kernels";
