import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { measure } from "./device-process.ts";

/** A software GPU that comes with Debian's Chromium; it needs Debian's libvulkan1 too. */
const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
const loader = "/usr/lib/x86_64-linux-gnu/libvulkan.so.1";
const hasSoftwareGpu = existsSync(driver) && existsSync(loader);
if (!hasSoftwareGpu)
  console.log("device: no software GPU here (chromium and libvulkan1 bring one), so WebGPU is not tested");

describe("devices", () => {
  test("a GPU that is not there is said, and the CPU goes on", async () => {
    const script = `import { selectDevice } from "./packages/core/src/graph/device.ts"; console.log(JSON.stringify(await selectDevice("webgpu"))); process.exit();`;
    const { stdout } = await promisify(execFile)("npx", ["tsx", "--input-type=module", "-e", script], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: { ...process.env, VK_DRIVER_FILES: "/nowhere.json" },
    });
    const { device, reason } = JSON.parse(stdout.trim().split("\n").at(-1) as string);
    expect(device).toBe("cpu");
    expect(reason).toMatch(/^webgpu cannot be used: ./);
  });

  test.skipIf(!hasSoftwareGpu)("WebGPU gives the CPU's values and gradients within 1e-3", async () => {
    const script = `import { measureOnWebGpu } from "./test/graph/device-process.ts"; await measureOnWebGpu(); process.exit();`;
    const { stdout } = await promisify(execFile)("npx", ["tsx", "--input-type=module", "-e", script], {
      cwd: fileURLToPath(new URL("../..", import.meta.url)),
      env: { ...process.env, VK_DRIVER_FILES: driver },
      maxBuffer: 2 ** 24,
    });
    const got = JSON.parse(stdout.trim().split("\n").at(-1) as string);
    const cpu = await measure();
    expect(got.device).toBe("webgpu");
    expect(Math.abs(got.value - cpu.value)).toBeLessThan(1e-3 * cpu.value);
    const largest = cpu.grad.data.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    const error = cpu.grad.data.reduce((max, x, i) => Math.max(max, Math.abs(x - got.grad[i])), 0);
    expect(error).toBeLessThan(1e-3 * largest);
  });
});
