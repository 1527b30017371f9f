import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { weightsOf } from "../../packages/core/src/internal.ts";
import { lossFactories, lpips, niqe, parseLoss, perceptual } from "../../packages/core/src/losses/index.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { hostedWeights, safetensors, weightsFrom, weightsRegistry } from "../../packages/core/src/weights/index.ts";
import { runProgram } from "../../packages/reconloss/src/cli/program.ts";
import { readImage } from "../../packages/reconloss/src/image/index.ts";
import { hasReference, referenceFolder } from "../golden.ts";
import { seededStateDict } from "../networks.ts";
import { FileServer, serve } from "./file-server.ts";

const hashOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let home: string;
let folder: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "reconloss-pack-"));
  folder = join(home, "public", "weights");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

// What `reconloss weights pull` would have brought: the published heads' and SqueezeNet's tensors with seeded numbers, and what no loss needs.
const published = mkdtempSync(join(tmpdir(), "reconloss-published-"));
beforeAll(() => {
  const squeeze = seededStateDict(weightsOf("squeezenet1_1")!.tensors);
  const classifier = { "classifier.1.weight": { shape: [2], data: Float32Array.of(1, 2) } };
  writeFileSync(join(published, "squeezenet1_1.safetensors"), safetensors({ ...squeeze, ...classifier }));
  writeFileSync(
    join(published, "lpips-squeeze.safetensors"),
    safetensors(seededStateDict(weightsOf("lpips-squeeze")!.tensors)),
  );
  const [first] = Object.entries(seededStateDict(weightsOf("vgg16")!.tensors));
  writeFileSync(join(published, "vgg16.safetensors"), safetensors(Object.fromEntries([first])));
});
afterAll(() => rmSync(published, { recursive: true }));

async function run(...parameters: string[]): Promise<{ code: number; printed: string; printed2: string }> {
  let printed = "";
  let printed2 = "";
  const code = await runProgram(["weights", "pack", ...parameters], {
    stdout: { write: (text: string) => (printed += text) },
    stderr: { write: (text: string) => (printed2 += text) },
    env: { RECONLOSS_HOME: home, RECONLOSS_WEIGHTS: published, RECONLOSS_OFFLINE: "1" },
  } as Parameters<typeof runProgram>[1]);
  return { code, printed, printed2 };
}
const manifest = () => JSON.parse(readFileSync(join(folder, "weights.json"), "utf8"));

describe("reconloss weights pack", () => {
  test("writes the network and the heads of an LPIPS without unused tensors, and says how pages load them", async () => {
    const { code, printed, printed2 } = await run("lpips-squeeze", "-o", folder);
    expect(code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual([
      "lpips-squeeze.safetensors",
      "squeezenet1_1.safetensors",
      "weights.json",
    ]);
    const { format, version, files } = manifest();
    expect([format, version]).toEqual(["reconloss-weights", 1]);
    for (const [name, file] of Object.entries(files) as [string, Record<string, unknown>][]) {
      const bytes = readFileSync(join(folder, `${name}.safetensors`));
      expect(file).toMatchObject({
        file: `${name}.safetensors`,
        bytes: bytes.length,
        sha256: hashOf(bytes),
        dtype: "float32",
        source: { sha256: hashOf(readFileSync(join(published, `${name}.safetensors`))), published: false },
      });
      expect(bytes.includes("classifier")).toBe(false);
    }
    expect(printed).toMatch(/squeezenet1_1 +3 MB +float32 .*squeezenet1_1\.safetensors/);
    expect(printed).toContain('weightsFrom(ADDRESS) of "@reconloss/core/weights"');
    expect(printed2).toContain("note: squeezenet1_1: squeezenet1_1.safetensors is not the published file");
  });

  test("packs what a loss needs, shares files between names, and keeps the folder's other files", async () => {
    await run("lpips(net=squeeze) + perceptual(net=squeezenet1_1,taps=relu1)", "-o", folder);
    expect(Object.keys(manifest().files)).toEqual(["lpips-squeeze", "squeezenet1_1"]);
    const before = manifest().files["lpips-squeeze"];
    const { printed } = await run("squeezenet1_1", "-o", folder, "--half", "--json");
    expect(JSON.parse(printed)).toMatchObject([{ name: "squeezenet1_1", dtype: "float16", missing: [] }]);
    expect(manifest().files).toMatchObject({ "lpips-squeeze": before, squeezenet1_1: { dtype: "float16" } });
    expect(readdirSync(folder)).toHaveLength(3);
  });

  test("notes which tensors a file lacks", async () => {
    const { code, printed2 } = await run("vgg16", "-o", folder);
    expect(code).toBe(0);
    expect(printed2).toMatch(/note: vgg16: vgg16\.safetensors lacks features\.0\.bias, .* and \d+ more/);
  });

  test.each([
    ["a name that there is not", ["squeeznet", "-o", "FOLDER"], 2, 'there are none named "squeeznet"; known: alexnet'],
    ["a loss without files", ["lpips(net=tiny)", "-o", "FOLDER"], 2, "lpips(net=tiny) needs no weights files"],
    [
      "weights that cannot be brought",
      ["squeezenet1_1", "alexnet", "-o", "FOLDER"],
      3,
      "weights alexnet are not on this machine",
    ],
  ])("%s: writes nothing", async (_, parameters, expected, message) => {
    const { code, printed2 } = await run(...parameters.map((word) => word.replace("FOLDER", folder)));
    expect(printed2).toContain(message);
    expect(code).toBe(expected);
    expect(existsSync(folder)).toBe(false);
  });

  test("refuses to replace a weights.json of another program, and writes nothing beside it", async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "weights.json"), "{}");
    const { code, printed2 } = await run("squeezenet1_1", "-o", folder);
    expect(code).toBe(1);
    expect(printed2).toContain(
      "weights.json: is not a manifest of packed weights; move it away, or write into another folder",
    );
    expect(readdirSync(folder)).toEqual(["weights.json"]);
  });

  test("accepts every published file that a loss needs, by its own name and by the loss", () => {
    const needed = new Set(lossFactories.flatMap((factory) => parseLoss(factory.info.name).definition?.weights ?? []));
    expect(needed.size).toBeGreaterThan(2);
    for (const name of needed) expect(weightsRegistry.map((entry) => entry.name)).toContain(name);
  });
});

/** A server of the folder that was packed. */
async function host(): Promise<FileServer> {
  return FileServer.start((request, response) => {
    const path = join(folder, (request.url ?? "").replace("/weights/", ""));
    if (existsSync(path)) serve(readFileSync(path))(request, response);
    else response.writeHead(404).end();
  });
}

// Real weights where they are on this machine: what a page computes from what a site hosts is what Node computes from the published files.
describe.skipIf(!hasReference)("packed from the published files", () => {
  const real = fileURLToPath(new URL("weights", referenceFolder));
  const image = (name: string): Promise<Tensor> => readImage(fileURLToPath(new URL(`images/${name}`, referenceFolder)));
  const losses = {
    alex: () => lpips({ net: "alex" }),
    squeeze: () => lpips({ net: "squeeze" }),
    perceptual: () => perceptual({ net: "alexnet", taps: "relu5" }),
    niqe: () => niqe({ block: 16 }),
  };
  beforeEach(() => {
    const mine = join(home, "real");
    mkdirSync(mine);
    for (const name of [
      "alexnet.safetensors",
      "squeezenet1_1.pth",
      "lpips-alex.pth",
      "lpips-squeeze.pth",
      "niqe_pris_params.npz",
    ]) {
      copyFileSync(join(real, name), join(mine, name));
    }
    vi.stubEnv("RECONLOSS_WEIGHTS", mine);
    vi.stubEnv("RECONLOSS_OFFLINE", "1");
  });
  const pack = (...parameters: string[]) =>
    run("lpips-alex", "lpips-squeeze", "niqe", "-o", folder, "--weights", join(home, "real"), ...parameters);

  test("values have the same bits, and are within 0.1 % in half precision", async () => {
    const pair = [await image("kodim15_jpeg20.png"), await image("kodim15.png")] as const;
    const values = async () => {
      const entries = Object.entries(losses).map(async ([name, make]) => [name, await make().value(...pair)] as const);
      return Object.fromEntries(await Promise.all(entries));
    };
    const expected = await values();
    expect((await pack()).code).toBe(0);
    const server = await host();
    const remove = weightsFrom(`${server.url}/weights/`);
    try {
      expect(await values()).toEqual(expected);
      await pack("--half");
      const half = hostedWeights(`${server.url}/weights/`);
      const [alex, squeeze, relu5] = await Promise.all([
        lpips({ net: "alex" }, { trunk: half, heads: half }).value(...pair),
        lpips({ net: "squeeze" }, { trunk: half, heads: half }).value(...pair),
        perceptual({ net: "alexnet", taps: "relu5" }, { weights: half }).value(...pair),
      ]);
      for (const [got, name] of [
        [alex, "alex"],
        [squeeze, "squeeze"],
        [relu5, "perceptual"],
      ] as const) {
        expect(got, name).not.toBe(expected[name]);
        expect(Math.abs(got / expected[name] - 1), name).toBeLessThan(1e-3);
      }
    } finally {
      remove();
      await server.stop();
    }
  });
});
