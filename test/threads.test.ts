import { readFileSync } from "node:fs";
import { availableParallelism, platform } from "node:os";
import { afterEach, describe, expect, it, vi } from "vitest";
import { nativeOptions } from "../packages/core/src/runtimes/node.ts";
import { tinyExtractor } from "../packages/reconloss/src/distribution/index.ts";
import { randomTensor } from "./random.ts";

afterEach(() => vi.unstubAllEnvs());

describe("nativeOptions", () => {
  const printed2 = platform() === "linux" && /^cpu cores\s*:/m.test(readFileSync("/proc/cpuinfo", "utf8"));

  it.runIf(printed2)("uses the cores that Linux reports, limited to those of this process", () => {
    const text = readFileSync("/proc/cpuinfo", "utf8");
    const [siblings, cores] = ["siblings", "cpu cores"].map((name) => {
      const line = text.split("\n").find((each) => each.startsWith(name)) as string;
      return Number(line.split(":")[1]);
    });
    const { intraOpNumThreads } = nativeOptions();
    expect(intraOpNumThreads).toBe(Math.max(1, Math.floor((availableParallelism() * cores) / siblings)));
  });

  it("uses at most RECONLOSS_THREADS, and refuses invalid values", () => {
    vi.stubEnv("RECONLOSS_THREADS", "1");
    expect(nativeOptions().intraOpNumThreads).toBe(1);
    vi.stubEnv("RECONLOSS_THREADS", "100000");
    expect(nativeOptions().intraOpNumThreads).toBeLessThanOrEqual(availableParallelism());
    for (const text of ["0", "-1", "1.5", "two"]) {
      vi.stubEnv("RECONLOSS_THREADS", text);
      expect(() => nativeOptions()).toThrow(`RECONLOSS_THREADS must be a whole number from 1, got ${text}`);
    }
  });

  it("uses the requested number", () => {
    expect(nativeOptions({ cores: 3 }).intraOpNumThreads).toBe(3);
  });
});

describe("features", () => {
  it("have the same bits for any number of threads", async () => {
    const images = randomTensor([2, 3, 256, 256], 1);
    const all = await (await tinyExtractor()).run(images);
    vi.stubEnv("RECONLOSS_THREADS", "1");
    const one = await (await tinyExtractor()).run(images);
    expect(one.features.data).toEqual(all.features.data);
  });
});
