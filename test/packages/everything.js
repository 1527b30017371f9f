// What works where there are no files, as one program: the test runs it in Node from source, and in a page from the built package.
import { parseLoss, parseLosses, Random, Tensor } from "@reconloss/core";
import { compile } from "@reconloss/core/graph";
import { FrechetMetric } from "@reconloss/core/metrics";
import { edsr, patchGan } from "@reconloss/core/nets";
import { adversarial, createTrainer } from "@reconloss/core/train";

/** Images of random smooth values. */
function images(n, size, seed) {
  const random = new Random(seed);
  return Tensor.from(
    Array.from({ length: n * 3 * size * size }, () => 0.1 + 0.8 * random.uniform()),
    [n, 3, size, size],
  );
}

/** Returns numbers by name. */
export async function everything() {
  const results = {};
  const [output, target] = [images(1, 48, 1), images(1, 48, 2)];
  for (const loss of parseLosses(
    "l1, mse, psnr, ssim, ms-ssim(weights=0.5:0.5), deltaE, tv, fft, gmsd, edge, perceptual(net=tiny), lpips(net=tiny), l1 + 0.1*lpips(net=tiny)",
  )) {
    const { value, grad } = await loss.valueAndGrad(output, target);
    results[loss.label] = value;
    results[`gradient of ${loss.label}`] = Math.hypot(...grad.data);
  }
  const game = adversarial({ discriminator: patchGan({ features: 8, depth: 2, norm: "none" }) });
  results.adversarial = (await game.valueAndGrad(output)).value;
  Object.assign(results, await game.update(target, output));
  const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x }) => ({ mean: o.mean(o.square(x), "chw") }));
  results.compile = (await program.run({ x: output })).mean.data[0];
  const trainer = createTrainer({
    model: edsr({ channels: 8, blocks: 1, scale: 2 }),
    loss: parseLoss("l1 + 0.1*ssim + 0.005*gan(features=8,depth=2,norm=none)"),
  });
  for (let step = 0; step < 2; step++)
    results[`step ${step}`] = (await trainer.step(images(2, 16, 3), images(2, 32, 4))).value;
  results.trainer = Math.hypot(...(await trainer.apply(images(1, 16, 5))).data);
  const fid = new FrechetMetric({ protocol: { network: "mine" } });
  for (const [index, side] of ["real", "output"].entries()) {
    fid.update(side, new Tensor(images(1, 16, 6 + index).data.slice(0, 128 * 4), [128, 4, 1, 1]));
  }
  results.fid = (await fid.compute()).value;
  return results;
}
