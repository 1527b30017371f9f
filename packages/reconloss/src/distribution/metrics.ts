/** The metrics of sets of images. */
export type MetricName = "fid" | "sfid" | "is" | "kid" | "pr" | "frechet";

/** All of them. */
export const metricNames: readonly MetricName[] = ["fid", "sfid", "is", "kid", "pr", "frechet"];
