import { readFileSync } from "node:fs";
import { availableParallelism, platform } from "node:os";
import { describe, expect, it } from "vitest";
import { nativeOptions } from "../../packages/core/src/runtimes/node.ts";

describe("nativeOptions", () => {
  const told = platform() === "linux" && /^cpu cores\s*:/m.test(readFileSync("/proc/cpuinfo", "utf8"));

  it.runIf(told)("uses the cores that Linux tells of, and no more threads than there are for this process", () => {
    const text = readFileSync("/proc/cpuinfo", "utf8");
    const [siblings, cores] = ["siblings", "cpu cores"].map((name) => {
      const line = text.split("\n").find((each) => each.startsWith(name)) as string;
      return Number(line.split(":")[1]);
    });
    const { intraOpNumThreads } = nativeOptions();
    expect(intraOpNumThreads).toBe(Math.max(1, Math.floor((availableParallelism() * cores) / siblings)));
  });

  it("uses as many as it is told", () => {
    expect(nativeOptions({ cores: 3 }).intraOpNumThreads).toBe(3);
  });
});
