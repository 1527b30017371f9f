import type { Definition, KernelPath, OwnEvaluation } from "../definitions/definition.ts";
import { poolScores } from "../definitions/evaluate.ts";
import { isPlain, stageGradient, stageImages, stageWeight } from "../definitions/stage.ts";
import { differentiate } from "../graph/autodiff.ts";
import { reference, toFloat64 } from "../graph/reference.ts";
import { noteExtremes } from "../kernels/extremes.ts";
import { runKernel } from "../kernels/index.ts";
import { Tensor } from "../tensor.ts";
import type { Engine, Request } from "./engine.ts";
import { onnx } from "./onnx.ts";

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

/** Evaluates a definition by its fused kernel, on float32 images of any range. */
async function evaluateKernel(definition: Definition, path: KernelPath, request: Request): Promise<OwnEvaluation> {
  const { images, wants, into } = request;
  const { output, target, weight, share } = images;
  const { spec, scale = 1, border = 0, withoutMap = false } = path;
  const asTheyAre = isPlain(path.images);
  if (!asTheyAre) request.check(await noteExtremes(images));
  const staged = stageImages(output, path.images);
  const grad = wants.grad && ((asTheyAre && into?.data) || true);
  const stagedTarget = target === output ? staged : stageImages(target, path.images);
  const map = wants.map === true && !withoutMap;
  const weights =
    weight && stageWeight(weight, path.weight === "of pixels" ? 1 : staged.shape[1], path.images.crop + border);
  const result = await runKernel(spec, staged, stagedTarget, { grad, map: map && !weights, weight: weights });
  if (asTheyAre) request.check(result.extremes);
  const scores = scale === 1 ? result.perImage : result.perImage.map((score) => score * scale);
  const { value, perImage, slopes } = poolWithSlopes(definition, scores, share);
  const evaluation: OwnEvaluation = { value, perImage, scores };
  if (result.grad) {
    scaleImages(
      result.grad,
      slopes.map((slope) => slope * scale),
    );
    evaluation.grad =
      asTheyAre && into ? into : stageGradient(new Tensor(result.grad, staged.shape), output, path.images, into);
  }
  if (wants.map && withoutMap) {
    const unweighted = { ...request, images: { output, target }, wants: { map: true } };
    evaluation.map = (await onnx.evaluate(definition, unweighted)).map;
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

/** Evaluates pixel losses by fused kernels: scores, gradient and map in one pass; how scores make the batch's value is the definition, in float64. */
export const kernels = {
  name: "kernels",
  notesExtremes: true,
  refusal: ({ kernel }, { images }) => {
    if (kernel === undefined) return "the loss has no kernel with these options";
    return images.weight && !kernel.weight ? "the loss's kernel takes no weight" : undefined;
  },
  evaluate: (definition, request) => evaluateKernel(definition, definition.kernel as KernelPath, request),
} as const satisfies Engine;
