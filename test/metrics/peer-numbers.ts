import {
  classFrechet,
  densityCoverage,
  type FeatureRows,
  frechetInfinity,
  inceptionInfinity,
  meanDiscrepancy,
  memorisationDistance,
  vendiScore,
} from "../../packages/core/src/metrics/index.ts";
import { statisticsOfRows } from "../../packages/core/src/metrics/statistics-of-rows.ts";
import { type GoldenCase, goldenCases, readNpy } from "../golden.ts";
import { goldenRows, rowsOf } from "./rows.ts";

/** One number as computed here, and as the peer gave it. */
export interface PeerNumber {
  readonly name: string;
  readonly got: number;
  readonly expected: number;
  /** Default: the case's. */
  readonly tolerance?: GoldenCase["tolerance"];
}

const sides = ({ inputs }: GoldenCase) =>
  [goldenRows(inputs.fake as string), goldenRows(inputs.real as string)] as const;

async function ofNeighbourhoods(golden: GoldenCase): Promise<PeerNumber[]> {
  const result = await densityCoverage(...sides(golden), { neighbours: golden.options.k as number });
  const expected = golden.expected as Record<"density" | "coverage" | "precision" | "recall", number>;
  const names = ["density", "coverage", "precision", "recall"] as const;
  return [
    { name: "value", got: result.value, expected: expected.density },
    ...names.map((name) => ({ name, got: result[name], expected: expected[name] })),
  ];
}

async function ofMemorisation(golden: GoldenCase): Promise<PeerNumber[]> {
  const threshold = golden.options.eps as number;
  const result = await memorisationDistance(...sides(golden), { threshold });
  const paper = await memorisationDistance(...sides(golden), { threshold, preset: "paper" });
  const [ofReals, ofOutputs] = [golden.distance as number, golden.distanceOverFake as number];
  // The paper's by its formula, from the golden's distance.
  const divisor = (ofOutputs < threshold ? ofOutputs : 1) + 1e-14;
  const exact = { rel: 1e-10, abs: 1e-12 };
  return [
    { name: "value", got: result.value, expected: golden.expected as number },
    { name: "distance of reals", got: result.distances.real, expected: ofReals, tolerance: exact },
    { name: "distance of outputs", got: result.distances.output, expected: ofOutputs, tolerance: exact },
    { name: "paper", got: paper.value, expected: result.frechet <= 1e-8 ? 0 : result.frechet / divisor },
  ];
}

async function ofDiscrepancy(golden: GoldenCase): Promise<PeerNumber[]> {
  const { value } = await meanDiscrepancy(...sides(golden), { normalise: golden.id.startsWith("cmmd-unit") });
  return [{ name: "value", got: value, expected: golden.expected as number }];
}

async function atInfinity(golden: GoldenCase): Promise<PeerNumber[]> {
  const [least] = golden.options.points as number[];
  const points = (golden.options.points as number[]).length;
  // The orders of the shuffled case are those after np.random.seed(17).
  const order = golden.inputs.indices === undefined ? { shuffle: false } : { shuffle: true, seed: 17 };
  const { fids, scores } = golden as { fids?: number[]; scores?: number[] };
  const result = fids
    ? await frechetInfinity(goldenRows(golden.inputs.fake as string), await statisticsOfRows(sides(golden)[1]), {
        points,
        least,
        ...order,
      })
    : await inceptionInfinity(goldenRows(golden.inputs.logits as string), { points, least, ...order });
  return [
    { name: "value", got: result.value, expected: golden.expected as number },
    { name: "slope", got: result.slope, expected: golden.slope as number },
    ...result.points.flatMap(({ images, value }, k) => [
      { name: `images of point ${k}`, got: images, expected: (golden.options.points as number[])[k] },
      { name: `point ${k}`, got: value, expected: (fids ?? (scores as number[]))[k] },
    ]),
  ];
}

async function vendiInput({ id, inputs }: GoldenCase): Promise<FeatureRows> {
  if (id === "vendi/orthogonal") {
    return rowsOf(Array.from({ length: 12 }, (_, i) => Array.from({ length: 12 }, (_, j) => Number(i === j))));
  }
  const rows = goldenRows((inputs.features as string).split(" ")[0]);
  return id === "vendi/identical" ? rowsOf(Array(10).fill([...(await rows.read([0]))])) : rows;
}

async function ofDiversity(golden: GoldenCase): Promise<PeerNumber[]> {
  const { q } = golden.options as { q: number | "inf" };
  const kernel = golden.id === "vendi/fake-rbf" ? ({ kernel: "rbf", sigma: 8 } as const) : {};
  const { value } = await vendiScore(await vendiInput(golden), { order: q, ...kernel });
  const dual = golden.dual as number | undefined;
  return [
    { name: "value", got: value, expected: golden.expected as number },
    // The dual is without the rounding of eigenvalues that should be 0.
    ...(dual === undefined ? [] : [{ name: "dual", got: value, expected: dual, tolerance: { rel: 1e-10 } }]),
  ];
}

async function ofClasses(golden: GoldenCase): Promise<PeerNumber[]> {
  const labelsOf = (path: unknown) => readNpy(path as string).data;
  const { value, classes } = await classFrechet(...sides(golden), {
    output: labelsOf(golden.inputs.fakeLabels),
    real: labelsOf(golden.inputs.realLabels),
  });
  const { perClass, counts } = golden as unknown as { perClass: number[]; counts: number[] };
  return [
    { name: "value", got: value, expected: golden.expected as number },
    ...classes.flatMap(({ label, value, images }, k) => [
      { name: `class ${label}`, got: value, expected: perClass[k] },
      { name: `images of class ${label}`, got: images.output, expected: counts[k] },
    ]),
  ];
}

/** Each family of the cases: our name, the peer, and the numbers of one of its cases. */
export const peerFamilies = [
  { family: "prdc", metric: "prdc", peer: "prdc", numbersOf: ofNeighbourhoods },
  { family: "mifid", metric: "mifid", peer: "torchmetrics", numbersOf: ofMemorisation },
  { family: "cmmd", metric: "mmd(normalise=false)", peer: "CMMD", numbersOf: ofDiscrepancy },
  { family: "cmmd-unit", metric: "mmd", peer: "CMMD", numbersOf: ofDiscrepancy },
  { family: "fid-infinity", metric: "fid-infinity", peer: "FID_IS_infinity", numbersOf: atInfinity },
  { family: "is-infinity", metric: "is-infinity", peer: "FID_IS_infinity", numbersOf: atInfinity },
  { family: "vendi", metric: "vendi", peer: "Vendi-Score", numbersOf: ofDiversity },
  { family: "class-fid", metric: "class-fid", peer: "the definition", numbersOf: ofClasses },
] as const;

/** All cases. */
export const peerCases = goldenCases("distribution2");

/** The cases of one family. */
export function casesOf(family: string): GoldenCase[] {
  return peerCases.filter(({ id }) => id.startsWith(`${family}/`));
}
