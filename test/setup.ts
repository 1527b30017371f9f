import fc from "fast-check";
import "../packages/reconloss/src/weights/disk.ts";

// The same cases on every run, so that a failure can be seen again; FAST_CHECK_SEED=$RANDOM looks further.
fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 2026) });
