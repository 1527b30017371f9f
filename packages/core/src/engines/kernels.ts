import type { Definition, KernelPath, OwnEvaluation } from "../definitions/definition.ts";
import { poolScores } from "../definitions/evaluate.ts";
import { isPlain, stageGradient, stageImages, stageWeight } from "../definitions/stage.ts";
import { differentiate } from "../graph/autodiff.ts";
import { type Float64Image, reference, toFloat64 } from "../graph/reference.ts";
import { noteExtremesSync } from "../kernels/extremes.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { loadKernels } from "../kernels/load.ts";
import { dimensions } from "../kernels/rows.ts";
import { callKernel, callKernelSync, type KernelCall, type KernelPasses, type KernelResult } from "../kernels/run.ts";
import type { KernelImage } from "../kernels/types.ts";
import { floatsOf, type ImageBatch, isBytes, PreparedImage } from "../pixels/prepared-image.ts";
import { runSteps, runStepsSync, type Stepwise } from "../stepwise.ts";
import { Tensor } from "../tensor.ts";
import type { Engine, Request } from "./engine.ts";
import { onnx } from "./onnx.ts";

/** The value of a batch and of each image from the images' scores, in float64; with slopes, the value's derivative with respect to each score. */
function poolBatch(definition: Definition, data: Float64Array, share: Tensor | undefined, wantsSlopes: boolean) {
  const scores = { data, shape: [data.length, 1, 1, 1] as const };
  const shares = share && toFloat64(share);
  const { value, slopes } =
    wantsSlopes && (definition.toReported !== undefined || share !== undefined)
      ? slopesOf(definition, scores, shares)
      : {
          value: poolScores(reference, definition, scores, shares).data[0],
          // Otherwise the value is the mean of scores.
          slopes: wantsSlopes ? new Float64Array(data.length).fill(1 / data.length) : undefined,
        };
  // One image is the whole batch.
  const isWhole = data.length === 1 && share === undefined;
  const perImage = isWhole ? Float64Array.of(value) : (definition.toReported?.(reference, scores) ?? scores).data;
  return { value, perImage, slopes };
}

function slopesOf(definition: Definition, scores: Float64Image, shares: Float64Image | undefined) {
  const { value, gradients } = differentiate(
    reference,
    ({ o, lift }, [x]) => poolScores(o, definition, x, shares && lift(shares)),
    [scores],
  );
  return { value: value.data[0], slopes: gradients[0].data };
}

/** Each image of a batch times its own factor. */
function scaleImages(batch: Float32Array, factors: Float64Array): void {
  const size = batch.length / factors.length;
  for (const [image, factor] of factors.entries()) {
    if (factor === 1) continue;
    for (let i = image * size; i < (image + 1) * size; i++) batch[i] *= factor;
  }
}

/** The sums that kernels keep of two prepared images that are compared in one way. */
function passesOf(output: ImageBatch, target: ImageBatch, stagedTarget: KernelImage): KernelPasses | undefined {
  if (!(output instanceof PreparedImage && target instanceof PreparedImage)) return undefined;
  const ofTargets = output.once("passes", () => new WeakMap<KernelImage, KernelPasses>());
  const passes = ofTargets.get(stagedTarget) ?? new Map();
  ofTargets.set(stagedTarget, passes);
  return passes;
}

/** Evaluates a definition by its fused kernel, once kernels are loaded; steps are calls of it. */
function* evaluation(
  definition: Definition,
  { kernel: named, spec, images, scale = 1, border = 0, weight: weightOf, withoutMap = false }: KernelPath,
  { images: { output, target, weight, share }, requested, into, check }: Request,
): Stepwise<KernelCall, KernelResult, OwnEvaluation> {
  const asTheyAre = isPlain(images);
  if (!asTheyAre) check(noteExtremesSync(floatsOf({ output, target })));
  const staged = stageImages(output, images);
  const { count, planes } = dimensions(staged);
  const grad = requested.grad && ((asTheyAre && into?.data) || true);
  const stagedTarget = target === output ? staged : stageImages(target, images);
  const map = requested.map === true && !withoutMap;
  const weights = weight && stageWeight(weight, weightOf === "of pixels" ? 1 : planes[0], images.crop + border);
  const passes = passesOf(output, target, stagedTarget);
  const kernel = named as Kernel;
  const result = yield [kernel, spec, staged, stagedTarget, { grad, map: map && !weights, weight: weights, passes }];
  if (asTheyAre) check(result.extremes);
  const scores = scale === 1 ? result.perImage : result.perImage.map((score) => score * scale);
  const { value, perImage, slopes } = poolBatch(definition, scores, share, result.grad !== undefined);
  const evaluation: OwnEvaluation = { value, perImage, scores };
  if (result.grad && slopes) {
    scaleImages(
      result.grad,
      slopes.map((slope) => slope * scale),
    );
    evaluation.grad =
      asTheyAre && into ? into : stageGradient(new Tensor(result.grad, [count, ...planes]), output, images, into);
  }
  // The map is that of unweighted scores.
  const ofPlaces = map && weights ? (yield [kernel, spec, staged, stagedTarget, { map }]).map : result.map;
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
  refusal: ({ kernel }, { images, requested }) => {
    if (kernel === undefined) return "the loss has no kernel with these options";
    if (
      kernel.onlyBytes &&
      (requested.grad || requested.map || images.weight || ![images.output, images.target].every(isBytes))
    )
      return "the loss's kernel with these options has scores alone, of images of 8 bits a sample";
    return images.weight && !kernel.weight ? "the loss's kernel takes no weight" : undefined;
  },
  evaluate: async (definition, request) => {
    const path = definition.kernel as KernelPath;
    await loadKernels(path.kernel.modules);
    const result = await runSteps(evaluation(definition, path, request), (call) => callKernel("kernels", ...call));
    if (!request.requested.map || !path.withoutMap) return result;
    const { output, target } = request.images;
    const unweighted = { ...request, images: { output, target }, requested: { map: true }, into: undefined };
    return { ...result, map: (await onnx.evaluate(definition, unweighted)).map };
  },
  evaluateSync: (definition, request) =>
    runStepsSync(evaluation(definition, definition.kernel as KernelPath, request), (call) =>
      callKernelSync("kernels", ...call),
    ),
} as const satisfies Engine;
