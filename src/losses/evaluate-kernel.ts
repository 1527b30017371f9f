import { differentiate } from "../graph/autodiff.ts";
import { reference, toFloat64 } from "../graph/reference.ts";
import { type NotedExtremes, runKernel } from "../kernels/index.ts";
import { Tensor } from "../tensor.ts";
import type { Definition, Images, KernelPath, OwnEvaluation, Wants } from "./definition.ts";
import { evaluateGraph, poolScores } from "./evaluate.ts";
import { isPlain, stageGradient, stageImages, stageWeight } from "./stage.ts";

/** The value of a batch from its images' scores, and its derivative with respect to each score, in float64. */
function poolWithSlopes(definition: Definition, data: Float64Array, share: Tensor | undefined) {
  const scores = { data, shape: [data.length, 1, 1, 1] as const };
  const { value, gradients } = differentiate(
    reference,
    ({ o, lift }, [x]) => poolScores(o, definition, x, share && lift(toFloat64(share))),
    [scores],
  );
  const said = definition.say?.(reference, scores) ?? scores;
  return { value: value.data[0], perImage: said.data, slopes: gradients[0].data };
}

/** Each image of a batch times its own factor. */
function scaleImages(batch: Float32Array, factors: Float64Array): void {
  const size = batch.length / factors.length;
  for (const [image, factor] of factors.entries()) {
    if (factor === 1) continue;
    for (let i = image * size; i < (image + 1) * size; i++) batch[i] *= factor;
  }
}

/**
 * Evaluates a definition by its fused kernel.
 *
 * @param check - refuses values that the loss cannot work with; called once, with the extremes that the kernel has seen already
 * @param into - where the gradient is written; default: a new tensor
 */
export async function evaluateKernel(
  definition: Definition,
  path: KernelPath,
  { output, target, weight, share }: Images<Tensor>,
  wants: Wants,
  check: (known?: NotedExtremes) => Promise<void>,
  into?: Tensor,
): Promise<OwnEvaluation> {
  const { spec, images, scale = 1, border = 0, withoutMap = false } = path;
  const asTheyAre = isPlain(images);
  if (!asTheyAre) await check();
  const staged = stageImages(output, images);
  const grad = wants.grad && ((asTheyAre && into?.data) || true);
  const stagedTarget = target === output ? staged : stageImages(target, images);
  const map = wants.map === true && !withoutMap;
  const weights =
    weight && stageWeight(weight, path.weight === "of pixels" ? 1 : staged.shape[1], images.crop + border);
  const result = await runKernel(spec, staged, stagedTarget, { grad, map: map && !weights, weight: weights });
  if (asTheyAre) await check(result.extremes);
  const scores = scale === 1 ? result.perImage : result.perImage.map((score) => score * scale);
  const { value, perImage, slopes } = poolWithSlopes(definition, scores, share);
  const evaluation: OwnEvaluation = { value, perImage, scores };
  if (result.grad) {
    scaleImages(
      result.grad,
      slopes.map((slope) => slope * scale),
    );
    evaluation.grad =
      asTheyAre && into ? into : stageGradient(new Tensor(result.grad, staged.shape), output, images, into);
  }
  if (wants.map && withoutMap) {
    evaluation.map = (await evaluateGraph(definition, { output, target }, { map: true })).map;
  }
  // The map is that of unweighted scores.
  const ofPlaces = map && weights ? (await runKernel(spec, staged, stagedTarget, { map })).map : result.map;
  if (ofPlaces) {
    const { data, shape } = ofPlaces;
    if (scale !== 1) scaleImages(data, Float64Array.of(scale));
    evaluation.map = new Tensor(data, shape);
  }
  return evaluation;
}
