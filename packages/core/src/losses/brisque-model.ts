import { checkObject } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import type { WeightFile } from "../weights/given.ts";

/** The number of BRISQUE's features: eighteen at each of two scales. */
export const featureCount = 36;

/** BRISQUE's regression from features in [-1, 1] to a score: the sum of `coefficients` times `exp(-gamma |features - vector|^2)`, less `rho`. */
export interface BrisqueModel {
  /** Support vectors of 36 numbers, one after another. */
  readonly vectors: ArrayLike<number>;
  /** One for each vector. */
  readonly coefficients: ArrayLike<number>;
  readonly gamma: number;
  readonly rho: number;
}

/** The least and the greatest of each feature among the images of the published model, which become -1 and 1: OpenCV's brisque_range_live.yml. */
export const featureRanges: readonly (readonly [least: number, greatest: number])[] = [
  [0.344, 10],
  [0.019263118, 0.8072745],
  [0.232, 1.641],
  [-0.12560818, 0.20275174],
  [0.00015476644, 0.7142651],
  [0.0005366771, 0.4680119],
  [0.248, 1.637],
  [-0.12566268, 0.1799559],
  [0.00015663129, 0.71250993],
  [0.0005328969, 0.46824664],
  [0.265, 1.545],
  [-0.13701352, 0.10106048],
  [0.00016913585, 0.6865034],
  [0.00038852988, 0.5317575],
  [0.269, 1.549],
  [-0.1450021, 0.100678936],
  [0.00017427743, 0.6874038],
  [0.0004113266, 0.5337759],
  [0.409, 3.736],
  [0.016534382, 0.801106],
  [0.218, 1.107],
  [-0.20073842, 0.17512724],
  [0.000103299266, 0.7524038],
  [0.00081787514, 0.4000989],
  [0.228, 1.093],
  [-0.19895863, 0.15613908],
  [0.00011583494, 0.75232863],
  [0.0008499228, 0.40646085],
  [0.246, 1.049],
  [-0.15500148, 0.093527734],
  [0.00012040136, 0.62300223],
  [0.00033858724, 0.5318995],
  [0.248, 1.052],
  [-0.14813466, 0.09371063],
  [0.0001163212, 0.6250872],
  [0.00033432737, 0.5386092],
];

/**
 * A model, once it has been looked at.
 *
 * @param name - where it is from, for messages
 * @throws {ReconlossError} `checkpoint` for numbers that do not fit together
 */
function checked(name: string, model: BrisqueModel): BrisqueModel {
  const refuse = (problem: string) => new ReconlossError("checkpoint", `${name}: ${problem}`);
  const { vectors, coefficients, gamma, rho } = model;
  const count = coefficients?.length ?? 0;
  if (count === 0) throw refuse("there are no coefficients");
  if (vectors?.length !== count * featureCount) {
    throw refuse(`${count} vectors must have ${count * featureCount} numbers, got ${vectors?.length ?? "none"}`);
  }
  for (const [array, values] of Object.entries({ vectors, coefficients, gamma: [gamma], rho: [rho] })) {
    if (!Array.from(values).every(Number.isFinite)) throw refuse(`${array} must be finite`);
  }
  return model;
}

/** The model of a file of OpenCV's `ml::SVM` (YAML) with a radial kernel. */
function readSvm(name: string, text: string): BrisqueModel {
  const refuse = (problem: string) => new ReconlossError("checkpoint", `${name}: ${problem}`);
  if (!/^%YAML/.test(text) || !text.includes("opencv_ml_svm:"))
    throw refuse("is not a support vector machine of OpenCV");
  if (!/svmType:\s*EPS_SVR/.test(text) || !/type:\s*RBF/.test(text))
    throw refuse("is not a regression with a radial kernel");
  const numberOf = (key: string) => Number(new RegExp(`\\b${key}:\\s*(\\S+)`).exec(text)?.[1] ?? Number.NaN);
  const listAfter = (key: string) => {
    const from = text.indexOf(`${key}:`);
    const list = from < 0 ? undefined : /^[^\]]*\]/.exec(text.slice(text.indexOf("[", from) + 1))?.[0];
    return (list ?? "").slice(0, -1).split(",").map(Number);
  };
  const [from, to] = [text.indexOf("support_vectors:"), text.indexOf("decision_functions:")];
  if (from < 0 || to < from) throw refuse("has no support vectors");
  const rows = Array.from(text.slice(from, to).matchAll(/\[([^\]]*)\]/g), ([, row]) => row.split(",").map(Number));
  if (rows.some((row) => row.length !== featureCount))
    throw refuse(`support vectors must have ${featureCount} numbers`);
  return { vectors: rows.flat(), coefficients: listAfter("alpha"), gamma: numberOf("gamma"), rho: numberOf("rho") };
}

/**
 * The model given, that of a file of OpenCV's, or by default the published one, from the first place that has it.
 *
 * @throws {ReconlossError} `missing-weights` where there is no such file; `file` or `checkpoint` for one that holds no such model
 */
export async function loadBrisqueModel(source: BrisqueModel | WeightFile | undefined): Promise<BrisqueModel> {
  // Loaded when needed: most losses read no file.
  const { isWeightFile, openWeightFile } = await import("../weights/given.ts");
  if (source !== undefined && !isWeightFile(source)) {
    checkObject("brisque", "model", source);
    return checked("brisque: model", source);
  }
  const file = await openWeightFile("brisque", source);
  try {
    const text = new TextDecoder().decode(await file.read(0, file.size));
    return checked(file.name, readSvm(file.name, text));
  } finally {
    await file.close();
  }
}
