import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";

/** The inputs of an optimiser's update of one parameter. */
export interface Update<T> {
  readonly parameter: T;
  readonly gradient: T;
  /** Its state from earlier steps, by slot. */
  readonly memory: Readonly<Record<string, T>>;
}

/** A rule that changes parameters by their gradients, written in `Ops` so that it is part of the compiled step. */
export interface Optimizer {
  readonly name: string;
  /** The learning rate before a schedule's factor. */
  readonly learningRate: number;
  /** The slots of state for every parameter, in its shape, zeros at first. */
  readonly slots: readonly string[];
  /**
   * Whether every weight changes by its own gradient and memory alone: then {@link Optimizer.update} may be given all parameters in one row, and parts of a batch are
   * computed at once. Default false.
   */
  readonly elementwise?: boolean;
  /** The numbers that change from step to step; `step` counts from 1. */
  numbers(step: number, learningRate: number): Readonly<Record<string, number>>;
  /** The parameter and memory after a step, given the same numbers as values [1, 1, 1, 1]. */
  update<T>(o: Ops<T>, update: Update<T>, numbers: Readonly<Record<string, T>>): Omit<Update<T>, "gradient">;
}

/** Refuses options outside [low, high). */
function check(optimizer: string, options: Readonly<Record<string, number>>, high = Number.POSITIVE_INFINITY): void {
  for (const [name, value] of Object.entries(options)) {
    if (value >= 0 && value < high) continue;
    throw new ReconlossError(
      "invalid-argument",
      `${optimizer}: ${name} must be at least 0${high < Number.POSITIVE_INFINITY ? ` and less than ${high}` : " and finite"}, got ${value}`,
    );
  }
}

/** The gradient with L2 regularisation. */
function decayed<T>(o: Ops<T>, { parameter, gradient }: Update<T>, weightDecay: number): T {
  return weightDecay === 0 ? gradient : o.add(gradient, o.mul(parameter, weightDecay));
}

/** Options of {@link sgd}. */
export interface SgdOptions {
  /** Default 0.9. */
  momentum?: number;
  /** L2 regularisation; default 0. */
  weightDecay?: number;
  /** Default false. */
  nesterov?: boolean;
}

/**
 * Stochastic gradient descent with momentum, as `torch.optim.SGD` without dampening.
 *
 * @throws {ReconlossError} `invalid-argument` for a negative or non-finite number, or a momentum of 1 or more
 * @example
 * ```ts
 * import { sgd } from "@reconloss/core/train";
 * sgd(0.1).slots; // ["momentum"]
 * ```
 */
export function sgd(learningRate: number, options: SgdOptions = {}): Optimizer {
  checkArguments("sgd", { learningRate: [learningRate, "number"], options: [options, "object?"] });
  const { momentum = 0.9, weightDecay = 0, nesterov = false } = options;
  check("sgd", { learningRate, weightDecay });
  check("sgd", { momentum }, 1);
  return {
    name: "sgd",
    learningRate,
    slots: momentum === 0 ? [] : ["momentum"],
    elementwise: true,
    numbers: (_, learningRate) => ({ learningRate }),
    update: <T>(
      o: Ops<T>,
      update: Update<T>,
      { learningRate }: Readonly<Record<string, T>>,
    ): Omit<Update<T>, "gradient"> => {
      const gradient = decayed(o, update, weightDecay);
      const step = (direction: T) => o.sub(update.parameter, o.mul(direction, learningRate));
      if (momentum === 0) return { parameter: step(gradient), memory: {} };
      const velocity = o.add(o.mul(update.memory.momentum, momentum), gradient);
      const direction = nesterov ? o.add(gradient, o.mul(velocity, momentum)) : velocity;
      return { parameter: step(direction), memory: { momentum: velocity } };
    },
  };
}

/** Options of {@link adam} and {@link adamW}. */
export interface AdamOptions {
  /** The decay of the running means of the gradient and of its square; default [0.9, 0.999]. */
  betas?: readonly [first: number, second: number];
  /** Added to the root of the mean square; default 1e-8. */
  eps?: number;
  /** Default 0 for `adam`, 0.01 for `adamW`. */
  weightDecay?: number;
}

function adamLike(
  name: "adam" | "adamW",
  learningRate: number,
  { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 }: AdamOptions,
): Optimizer {
  check(name, { learningRate, eps, weightDecay });
  check(name, { "betas[0]": betas[0], "betas[1]": betas[1] }, 1);
  const [first, second] = betas;
  return {
    name,
    learningRate,
    slots: ["first", "second"],
    elementwise: true,
    numbers: (step, learningRate) => {
      // Both means start at 0 and are too small by 1 - beta^step, the root of the second by this; made up for in numbers, not in every weight (section 2, end).
      const rootScale = Math.sqrt(1 - second ** step);
      return {
        stepSize: (learningRate * rootScale) / (1 - first ** step),
        added: eps * rootScale,
        kept: 1 - learningRate * weightDecay,
      };
    },
    update: (o, update, { stepSize, added, kept }) => {
      const gradient = name === "adam" ? decayed(o, update, weightDecay) : update.gradient;
      const start = name === "adamW" && weightDecay > 0 ? o.mul(update.parameter, kept) : update.parameter;
      const { first: m, second: v } = update.memory;
      const mean = o.add(m, o.mul(o.sub(gradient, m), 1 - first));
      const square = o.add(o.mul(v, second), o.mul(o.square(gradient), 1 - second));
      const root = o.add(o.sqrt(square), added);
      return {
        parameter: o.sub(start, o.mul(o.div(mean, root), stepSize)),
        memory: { first: mean, second: square },
      };
    },
  };
}

/**
 * Adam (Kingma, Ba 2015, algorithm 1), as `torch.optim.Adam`; weight decay is L2 regularisation.
 *
 * @throws {ReconlossError} `invalid-argument` for a negative or non-finite number, or a beta of 1 or more
 * @example
 * ```ts
 * import { adam } from "@reconloss/core/train";
 * adam(2e-4, { betas: [0.5, 0.999] }).learningRate; // 0.0002
 * ```
 */
export function adam(learningRate = 1e-3, options: AdamOptions = {}): Optimizer {
  checkArguments("adam", { learningRate: [learningRate, "number?"], options: [options, "object?"] });
  return adamLike("adam", learningRate, options);
}

/**
 * Adam with decoupled weight decay (Loshchilov, Hutter 2019, algorithm 2), as `torch.optim.AdamW`.
 *
 * @throws {ReconlossError} `invalid-argument` for a negative or non-finite number, or a beta of 1 or more
 * @example
 * ```ts
 * import { adamW } from "@reconloss/core/train";
 * adamW(1e-3).name; // "adamW"
 * ```
 */
export function adamW(learningRate = 1e-3, options: AdamOptions = {}): Optimizer {
  checkArguments("adamW", { learningRate: [learningRate, "number?"], options: [options, "object?"] });
  return adamLike("adamW", learningRate, { weightDecay: 0.01, ...options });
}
