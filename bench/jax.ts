import * as jax from "@jax-js/jax";
import { noisyPictures } from "../examples/denoising.ts";
import { createDenoiser, denoise, initialWeights, toJax, type Weights } from "../examples/jax.ts";
import { parseLoss, Tensor } from "../packages/reconloss/src/index.ts";

// npx tsx bench/jax.ts: one training step of the example's model with the loss inside jax-js, against the same with the loss outside: the output leaves jax-js, the gradient comes back, and
// the pullback waits in between. In turn, round after round, on jax-js's WebAssembly device.

const { numpy: np, tree } = jax;

/** Adam's weights and running means after one more step. */
const adam = jax.jit((weights: Weights, mean: Weights, square: Weights, grads: Weights) => {
  mean = tree.map((m: jax.Array, g: jax.Array) => m.mul(0.9).add(g.mul(0.1)), mean, tree.ref(grads));
  square = tree.map((s: jax.Array, g: jax.Array) => s.mul(0.999).add(np.square(g).mul(0.001)), square, grads);
  const moved = (w: jax.Array, m: jax.Array, s: jax.Array) => w.sub(m.mul(1e-3).div(np.sqrt(s).add(1e-8)));
  return [tree.map(moved, weights, tree.ref(mean), tree.ref(square)), mean, square] as Weights[];
});

const forward = jax.jit((weights: Weights, picture: jax.Array) => denoise(weights, picture));

/** The loss outside. */
function createBridged(spec: string, channels: number) {
  const loss = parseLoss(spec);
  let weights = initialWeights(channels);
  let [mean, square] = [1, 2].map(() => tree.map((w: jax.Array) => np.zerosLike(w), tree.ref(weights)) as Weights);
  return async (input: Tensor, target: Tensor) => {
    const batch = toJax(input);
    const [output, pullback] = jax.vjp((weights: Weights) => forward(weights, batch), [tree.ref(weights)]);
    const { shape } = output;
    const given = new Tensor((await output.data()) as Float32Array, shape);
    const { value, grad } = await loss.valueAndGrad(given, target);
    const [grads] = pullback(toJax(grad)) as [Weights];
    pullback.dispose();
    [weights, mean, square] = adam(weights, mean, square, grads);
    await weights[0].kernel.ref.data();
    return value;
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

const rounds = 15;
for (const spec of ["l1", "l1 + 0.1*ssim + 0.01*tv", "l1 + 0.1*lpips(net=tiny)"]) {
  for (const { images, side, channels } of [
    { images: 2, side: 24, channels: 8 },
    { images: 4, side: 64, channels: 16 },
  ]) {
    const { input, target } = noisyPictures(images, side, "bench");
    const inside = createDenoiser(parseLoss(spec), channels);
    const bridged = createBridged(spec, channels);
    const contenders = [() => inside.step(input, target), () => bridged(input, target)];
    const times = contenders.map((): number[] => []);
    // The first rounds compile.
    for (let round = -3; round < rounds; round++) {
      for (const [i, run] of contenders.entries()) {
        const begin = performance.now();
        await run();
        if (round >= 0) times[i].push(performance.now() - begin);
      }
    }
    const [a, b] = times.map(median);
    const size = `${images} images of ${side}x${side}, ${channels} channels`;
    console.log(`${spec}, ${size}: inside ${a.toFixed(1)} ms, outside ${b.toFixed(1)} ms, ${(a / b).toFixed(2)}`);
  }
}
