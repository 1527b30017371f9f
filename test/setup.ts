import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll } from "vitest";
import "../packages/reconloss/src/weights/disk.ts";

// The same cases on every run, so that a failure can be seen again; FAST_CHECK_SEED=$RANDOM looks further.
fc.configureGlobal({ seed: Number(process.env.FAST_CHECK_SEED ?? 2026) });

// What programs keep for their next run is of this file's tests alone.
if (process.env.RECONLOSS_HOME === undefined) {
  const home = mkdtempSync(join(tmpdir(), "reconloss-home-"));
  process.env.RECONLOSS_HOME = home;
  afterAll(() => {
    delete process.env.RECONLOSS_HOME;
    rmSync(home, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  });
}
