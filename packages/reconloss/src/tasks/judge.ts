import { type Loss, Random, type Tensor } from "@reconloss/core";
import { KernelDistance } from "@reconloss/core/metrics";
import { latentNoise } from "./generate.ts";
import { type Coverage, type HeldOut, heldOutSet } from "./held-out.ts";
import { asFile, stack } from "./patches.ts";
import { type Photograph, type PhotographOptions, PhotographStore, type Skipped } from "./photographs.ts";
import { randomFeatures } from "./random-features.ts";
import type { Restoration, Task } from "./task.ts";
import { availableMetrics, MeanScores, type Scores } from "./validation.ts";

/** A network as it is: what it makes of a batch of inputs. */
export type Network = (input: Tensor) => Promise<Tensor>;

/** A sample: the network's output for a held-out square, or for random numbers. */
export interface Sample {
  readonly name: string;
  readonly output: Tensor;
  readonly input?: Tensor;
  readonly baseline?: Tensor;
  readonly target?: Tensor;
}

/** The losses that judge outputs. */
export type Measure = Pick<Loss, "spec" | "better" | "decimals">;

/** The result of judging a network. */
export interface Judgement {
  readonly samples: readonly Sample[];
  readonly scores: Scores;
  /** Over how many crops, or generated images, each score is. */
  readonly measured: Readonly<Record<string, number>>;
}

/** The options of judging networks. */
export interface JudgeOptions extends PhotographOptions {
  /** Whether the whole of every held-out photograph is judged, in crops; default false: a few squares of some. */
  all?: boolean;
  /** Specification of the loss that the network is trained with. */
  trainedWith?: string;
}

/** Judges a network by photographs that it has not learnt from. */
export interface Judge {
  readonly measures: readonly Measure[];
  /** The baseline without the network, and its scores: those of the untrained network where they are left out. */
  readonly baseline: { readonly name: string; readonly scores?: Scores };
  /** The part of the held-out photographs that the scores are of. */
  readonly coverage: Coverage;
  /** Notes on the measures: which could not be computed, and which are not to be relied on. */
  readonly notes: readonly string[];
  readonly skipped: readonly Skipped[];
  /** A few outputs, to be looked at. */
  samples(network: Network): Promise<readonly Sample[]>;
  /** The same, and what all outputs score. */
  judge(network: Network): Promise<Judgement>;
}

const samplesShown = 6;
/** Generated images that are shown, that are compared with as many real ones, and that are made at once. */
const [imagesShown, imagesCompared, imagesAtOnce] = [32, 256, 32];

/**
 * Returns the judge of a task's networks.
 *
 * @throws {ReconlossError} `image` when no held-out photograph can be used
 */
export function judgeFor(task: Task, photographs: readonly Photograph[], options: JudgeOptions): Promise<Judge> {
  return task.restoration
    ? restorationJudge(task.restoration, photographs, options)
    : generationJudge(task, photographs, options);
}

/** By pairs: what is made of degraded crops against what they were before. */
async function restorationJudge(
  restoration: Restoration,
  photographs: readonly Photograph[],
  options: JudgeOptions,
): Promise<Judge> {
  const { first, each, coverage, skipped } = await heldOutSet(restoration, photographs, options, samplesShown);
  const { losses, notes } = await availableMetrics(first[0].target, options.trainedWith ?? "");
  const baseline = new MeanScores(losses);
  for await (const crop of each()) await baseline.add(crop.baseline, crop.target);
  const restore = async (network: Network, crop: HeldOut) => ({ ...crop, output: asFile(await network(crop.input)) });
  return {
    measures: losses,
    baseline: { name: restoration.baseline.name, scores: baseline.scores },
    coverage,
    notes: [...notes, ...partlyMeasured(baseline.measured, coverage.crops)],
    skipped,
    samples: async (network) => {
      const made: Sample[] = [];
      for (const crop of first) made.push(await restore(network, crop));
      return made;
    },
    judge: async (network) => {
      const means = new MeanScores(losses);
      const samples: Sample[] = [];
      for await (const crop of each()) {
        const made = await restore(network, crop);
        if (samples.length < first.length) samples.push(made);
        await means.add(made.output, made.target);
      }
      return { samples, scores: means.scores, measured: means.measured };
    },
  };
}

/** Says of which losses not all crops have a finite value. */
function partlyMeasured(measured: Readonly<Record<string, number>>, crops: number): string[] {
  return Object.entries(measured).flatMap(([spec, count]) =>
    count < crops
      ? [
          `${spec} of the baseline is the mean of ${count} of ${crops} crops: others are too small for it, or have no finite value`,
        ]
      : [],
  );
}

/** By sets: generated images against real ones, in the features of a network with random weights. */
async function generationJudge(
  task: Task,
  photographs: readonly Photograph[],
  options: PhotographOptions,
): Promise<Judge> {
  const side = task.defaults.patch;
  const leastSide = task.leastSide(side);
  const store = new PhotographStore(photographs, { ...options, leastSide, limitPixels: 64e6, seed: 0 });
  const held = await store.forStep(0);
  const random = new Random("held out");
  const targets = Array.from({ length: imagesCompared }, (_, index) => {
    return task.example(held[index % held.length], side, random).target;
  });
  const features = await randomFeatures(stack(targets));
  const latents = latentNoise(task.latent ?? 0, imagesCompared, new Random("latents"));
  const images = async (network: Network, count: number) => {
    const made: Tensor[] = [];
    for (let start = 0; start < count; start += imagesAtOnce) {
      const some = Array.from({ length: imagesAtOnce }, (_, index) => latents.image(start + index));
      const batch = asFile(await network(stack(some)));
      for (let index = 0; index < imagesAtOnce; index++) made.push(batch.image(index));
    }
    return made;
  };
  const shown = (made: readonly Tensor[]) =>
    made.slice(0, imagesShown).map((output, index) => ({ name: `image ${index + 1}`, output }));
  return {
    measures: [{ spec: "kid", better: "lower", decimals: 4 }],
    baseline: { name: "untrained" },
    coverage: {
      ...{ photographs: held.length, heldOut: photographs.length, crops: imagesCompared, side, whole: false },
    },
    notes: [],
    skipped: store.skipped,
    samples: async (network) => shown(await images(network, imagesShown)),
    judge: async (network) => {
      const made = await images(network, imagesCompared);
      const distance = new KernelDistance({ subsets: 1 });
      distance.update("real", features.real);
      distance.update("output", await features.of(stack(made)));
      return {
        samples: shown(made),
        scores: { kid: (await distance.compute()).value },
        measured: { kid: imagesCompared },
      };
    },
  };
}
