/**
 * Functions that package reconloss shares with core beyond the public entries. Not documented, and may change with any version.
 *
 * @module
 */
export { checkArguments } from "./arguments.ts";
export { poolScores } from "./definitions/evaluate.ts";
export { choice, flag, integer, list, parseList, resolveOptions } from "./definitions/options.ts";
export { checkWritableName, parseOptions, specificationOf, splitList } from "./definitions/specification.ts";
export { loadOnnxReader } from "./graph/onnx-reader.ts";
export { trace } from "./graph/receptive-field.ts";
export { sharedBytes } from "./kernels/arena.ts";
export { checkPixelRange } from "./losses/checks.ts";
export { BaseLoss, isLossFactory } from "./losses/loss.ts";
export { parseLoss, parseLosses } from "./losses/parse.ts";
export { resolveTarget, targetImage } from "./losses/prepared-target.ts";
export { otherNames } from "./losses/registry.ts";
export { checkFields, checkKind } from "./metrics/arguments.ts";
export { isMetricFactory, isSetMetric, labelledMetric } from "./metrics/definition.ts";
export { symmetricEigenvalues } from "./metrics/eigenvalues.ts";
export { checkStatisticsKind } from "./metrics/moments.ts";
export { nearestRows } from "./metrics/neighbours.ts";
export { knownMetrics } from "./metrics/parse.ts";
export { matching, suggestion } from "./names.ts";
export { unitLength } from "./nets/normalise.ts";
export { type NetworkWeights, networks, weightsOf } from "./nets/table.ts";
export { tinyFirst, tinyFirstWeights, tinyTensors } from "./nets/tiny.ts";
export { backdropOf } from "./pixels/background.ts";
export { resolveInput } from "./pixels/input.ts";
export { type DecodeKind, decodeKinds } from "./pixels/notes.ts";
export {
  checkAlphaOptions,
  hasTransparency,
  isFloating,
  pixelsToTensor,
  refuseOutside,
  tensorToPixels,
  whiteOf,
} from "./pixels/pixels.ts";
export { preparePixels, tensorOf } from "./pixels/prepared-image.ts";
export { planResize } from "./pixels/resize.ts";
export { runResize } from "./pixels/run-resize.ts";
export { Recent } from "./recent.ts";
export { checkDevice } from "./runtimes/index.ts";
export { lastAtMost } from "./search.ts";
export { elementCount, firstNonFinite, formatShape } from "./tensor.ts";
export { counted, jsonText, listNames, nonFiniteAsWords, printable } from "./text.ts";
export { availableThreads, threadsVariable } from "./threads.ts";
export { isFloating as isFloatingType } from "./weights/elements.ts";
export { manifestName, parseManifest } from "./weights/manifest.ts";
export { longestHeader, type NpyHeader, npyElements, readNpyHeader } from "./weights/npy.ts";
export { asContentErrors, type Npz, NpzArray, readNpz, writeNpz } from "./weights/npz.ts";
export { orDoWithout } from "./weights/places.ts";
export { isArchive } from "./weights/registry.ts";
export { openZipEntry, readZipDirectory, type ZipEntry } from "./weights/zip.ts";
