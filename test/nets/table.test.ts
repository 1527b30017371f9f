import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { lpips, perceptual } from "../../packages/core/src/losses/index.ts";
import { type Network, vgg } from "../../packages/core/src/nets/index.ts";
import { passWith } from "../../packages/core/src/nets/passes.ts";
import {
  headsName,
  lpipsNets,
  lpipsNetwork,
  networks,
  perceptualNets,
  versionsOf,
  weightsOf,
} from "../../packages/core/src/nets/table.ts";
import { dimsOf } from "../../packages/core/src/nets/tensors.ts";
import { isArchive, weightsRegistry } from "../../packages/core/src/weights/registry.ts";
import { seededStateDict } from "../networks.ts";
import { randomTensor } from "../random.ts";

/** The shapes of the values at taps, as they are computed. */
function shapesOf(network: Network, taps: readonly string[], side: number): (readonly number[])[] {
  const image = toFloat64(randomTensor([1, 3, side, side], 1));
  return network.features(reference, image, seededStateDict(network.tensors(taps)), taps).map(({ shape }) => shape);
}

describe.each(perceptualNets)("the network table's row of %s", (name) => {
  const row = networks[name];
  const { network } = row;
  // Where it has many layers, as many as are computed in a moment.
  const taps = "lpips" in row ? row.lpips.taps : network.taps.slice(0, 12);

  it("has the network's name, which is a choice of perceptual's option net", () => {
    expect(network.name).toBe(name);
    expect(perceptual().info.options.net.words).toContain(name);
  });

  it("has weights, as a registry file or embedded in the package", async () => {
    const known = weightsOf(name);
    expect(known?.tensors).toEqual(network.tensors());
    const weights = await known?.embedded?.();
    if (weights === undefined) {
      expect(weightsRegistry.map((entry) => entry.name)).toContain(name);
      return;
    }
    for (const [tensor, shape] of Object.entries(network.tensors())) expect(weights[tensor].shape).toEqual(shape);
  });

  // What runs is the measure: sizes and channels are known without running.
  it("states sizes, channels and the least size, below which no position is left", () => {
    const least = network.leastSize(taps);
    const shapes = shapesOf(network, taps, least);
    expect(shapes.map((shape) => shape.slice(2))).toEqual(network.sizes(taps, least, least));
    expect(shapes.map((shape) => shape[1])).toEqual(taps.map((tap) => network.channels(tap)));
    expect(shapes.at(-1)?.slice(2)).toEqual([1, 1]);
    expect(shapesOf(network, taps, least - 1).flat()).toContain(0);
  });

  it("has a size limit for tiling", () => {
    expect(row.pixelsAtOnce).toBeGreaterThan(network.leastSize(taps) ** 2);
  });
});

/** Every network of lpips in every version. */
const versions = lpipsNets.flatMap((net) => versionsOf(net).map((version) => [net, version] as const));

describe.each(versions)("lpips's net %s in version %s", (net, version) => {
  const { network, taps, embedded } = lpipsNetwork(net, version);

  it("is a choice of lpips's options, with taps of its network", () => {
    expect(lpips().info.options.net.words).toContain(net);
    expect(network.taps).toEqual(expect.arrayContaining([...taps]));
  });

  it("has a head weight for each channel, as a registry file or embedded in the package", async () => {
    const name = headsName(net, version);
    expect(weightsRegistry.some((entry) => entry.name === name)).toBe(embedded === undefined);
    const heads = weightsOf(name);
    expect(Object.values(heads!.tensors)).toEqual(taps.map((tap) => [1, network.channels(tap), 1, 1]));
    const weights = await heads?.embedded?.();
    for (const name of Object.keys(heads!.tensors)) expect(weights === undefined || name in weights).toBe(true);
  });
});

// The numbers of channels of the published heads: `LPIPS.chns` of richzhang/PerceptualSimilarity 0.1.4.
test.each([
  ["alex", [64, 192, 384, 256, 256]],
  ["vgg", [64, 128, 256, 512, 512]],
  ["squeeze", [64, 128, 256, 384, 384, 512, 512]],
])("the channel counts of lpips's %s equal the published ones", (net, channels) => {
  const { network, taps } = lpipsNetwork(net);
  expect(taps.map((tap) => network.channels(tap))).toEqual(channels);
});

test("every checkpoint of the registry has a row in the table", () => {
  for (const entry of weightsRegistry.filter((entry) => !isArchive(entry))) {
    expect(weightsOf(entry.name), entry.name).toBeDefined();
  }
  for (const name of ["niqe", "lpips-tiny-v0.0", "lpips-tiny-v2", "lpips-alex-v1", "toString"])
    expect(weightsOf(name), name).toBeUndefined();
});

test("a network computes the same with constant and with trainable tensors", () => {
  const network = vgg("vgg16", { batchNorm: true });
  const taps = ["conv1_1", "bn1_1", "pool1"];
  const weights = seededStateDict(network.tensors(taps));
  const specs = network.parameters(taps);
  const image = toFloat64(randomTensor([2, 3, 6, 5], 4));
  const frozen = network.features(reference, image, weights, taps);
  const tensors = Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => {
      return [name, reference.constant(data, specs[name] ? dimsOf(specs[name]) : [1, shape[0], 1, 1])];
    }),
  );
  const trained = network.forward(passWith(reference, "vgg16_bn", tensors), image, taps);
  expect(trained).toEqual(frozen);
});

describe("static imports", () => {
  const core = new URL("../../packages/core/src/", import.meta.url);

  /** The files that come with some files, as far as they are no imports of types alone and none that run later. */
  function loadedWith(...entries: readonly string[]): string[] {
    const files = new Set<string>();
    const visit = (file: URL) => {
      if (files.has(file.pathname)) return;
      files.add(file.pathname);
      const text = readFileSync(file, "utf8");
      for (const [, from] of text.matchAll(/^(?:import|export)(?! type)[^;]*? from "(\.[^"]+)";/gm)) {
        visit(new URL(from, file));
      }
    };
    for (const entry of entries) visit(new URL(entry, core));
    return [...files].map((path) => path.slice(core.pathname.length));
  }

  it("never include the embedded weights, for any entry point", () => {
    const files = loadedWith("index.ts", "nets/index.ts", "losses/registry.ts", "train/index.ts", "internal.ts");
    expect(files).toContain("nets/tiny.ts");
    expect(files.filter((path) => /tiny-(weights|first-weights|packed)/.test(path))).toEqual([]);
  });

  it("include no network or weight reader for losses without weights", () => {
    const files = loadedWith("losses/l1.ts", "losses/ssim.ts", "losses/ms-ssim.ts", "losses/delta-e.ts");
    expect(files.length).toBeGreaterThan(20);
    expect(files.filter((path) => /^(nets|weights|train)\//.test(path))).toEqual([]);
  });
});
