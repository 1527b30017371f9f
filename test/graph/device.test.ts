import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { probeDevice } from "../../packages/core/src/graph/device.ts";
import { artifactMap, edge, l1, parseLoss } from "../../packages/core/src/losses/index.ts";
import { unet } from "../../packages/core/src/nets/index.ts";
import type { Device } from "../../packages/core/src/runtimes/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { createTrainer } from "../../packages/core/src/train/index.ts";
import { measurements } from "./device-process.ts";

/** A software GPU that comes with Debian's Chromium; it needs Debian's libvulkan1 too. */
const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
const loader = "/usr/lib/x86_64-linux-gnu/libvulkan.so.1";
const hasSoftwareGpu = existsSync(driver) && existsSync(loader);
if (!hasSoftwareGpu)
  console.log("device: no software GPU here (chromium and libvulkan1 bring one), so WebGPU is not tested");

/** The last line that a function of the other file prints, in a process that finds this driver. */
async function ask(name: string, driver: string) {
  const script = `import { ${name} } from "./test/graph/device-process.ts"; await ${name}(); process.exit();`;
  const { stdout } = await promisify(execFile)("npx", ["tsx", "--input-type=module", "-e", script], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: { ...process.env, VK_DRIVER_FILES: driver },
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) as string);
}

describe("devices", () => {
  test("a missing GPU is reported by probeDevice and on use, and the CPU still works", async () => {
    const { device, reason, refused, value, pixels } = await ask("measureWithoutGpu", "/nowhere.json");
    expect(device).toBe("cpu");
    expect(reason).toMatch(/^webgpu cannot be used: ./);
    expect(Object.keys(refused)).toEqual(Object.keys(measurements));
    for (const { code, message } of Object.values<{ code?: string; message: string }>(refused)) {
      expect(code).toBe("missing-dependency");
      expect(message).toMatch(/webgpu cannot be used: ./);
    }
    expect([value]).toEqual(await measurements["a prepared target"]("cpu"));
    // Kernels are the CPU's, whatever the device.
    expect(pixels).toBeGreaterThan(0);
  });

  test.skipIf(!hasSoftwareGpu)(
    "WebGPU equals the CPU within 1e-3, and does not change results of the CPU",
    async () => {
      const { device, reason, numbers } = await ask("measureOnWebGpu", driver);
      expect({ device, reason }).toEqual({ device: "webgpu" });
      for (const [name, measure] of Object.entries(measurements)) {
        const expected = await measure("cpu");
        const { webgpu, cpu } = numbers[name];
        expect(cpu, name).toEqual(expected);
        if (name === "tiles") expect(expected[1]).toBeGreaterThan(1);
        if (name === "value and gradient") expect(webgpu, name).not.toEqual(expected);
        const [value, ...rest] = expected;
        expect(Math.abs(webgpu[0] - value), name).toBeLessThan(1e-3 * Math.abs(value));
        const largest = Math.max(...rest.map(Math.abs));
        for (const [i, x] of rest.entries())
          expect(Math.abs(webgpu[i + 1] - x), name).toBeLessThanOrEqual(1e-3 * largest);
      }
    },
  );

  test("every entry point rejects an unknown device", async () => {
    const device = "gpu" as Device;
    const image = Tensor.full([1, 3, 16, 16], 0.5);
    const message = 'device must be cpu | webgpu, got "gpu"';
    await expect(probeDevice(device)).rejects.toThrow(`probeDevice: ${message}`);
    await expect(l1().value(image, image, { device })).rejects.toThrow(`l1: ${message}`);
    await expect(edge().prepareTarget(image, { device })).rejects.toThrow(`edge: ${message}`);
    await expect(parseLoss("l1 + ssim").value(image, image, { device })).rejects.toThrow(`weighted: ${message}`);
    await expect(artifactMap(image, image, image, { device })).rejects.toThrow(`artifactMap: ${message}`);
    expect(() => createTrainer({ model: unet(), loss: l1(), device })).toThrow(`createTrainer: ${message}`);
  });
});
