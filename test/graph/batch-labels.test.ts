import { expect, test } from "vitest";
import { differentiate } from "../../packages/core/src/graph/autodiff.ts";
import { type BatchLabel, batchLabels } from "../../packages/core/src/graph/batch-labels.ts";
import { Ops } from "../../packages/core/src/graph/ops.ts";
import { batchNorm, instanceNorm } from "../../packages/core/src/nets/norms.ts";
import { passWith } from "../../packages/core/src/nets/passes.ts";

type Build = <T>(o: Ops<T>, values: { x: T; y: T; weight: T; scale: T }) => T;

const norm = <T>(o: Ops<T>, x: T, training: boolean): T => {
  const block = batchNorm("norm", 3);
  const tensors = Object.keys({ ...block.parameters, ...block.buffers }).map((name) => {
    return [name, o.constant([1, 1, 1], [1, 3, 1, 1])] as const;
  });
  return block.apply(passWith(o, "norm", Object.fromEntries(tensors), { training }), x);
};

// What each value has to do with the images of a batch follows from the definition of the label alone.
const cases: [name: string, build: Build, label: BatchLabel][] = [
  ["a parameter", (o, { scale }) => o.exp(scale), "fixed"],
  ["an activation", (o, { x, weight, scale }) => o.relu(o.mul(o.conv2d(x, weight, { padding: 1 }), scale)), "image"],
  ["a number for each image", (o, { x, y }) => o.mean(o.square(o.sub(x, y)), "chw"), "image"],
  ["a loss", (o, { x, y }) => o.mean(o.abs(o.sub(x, y)), "nchw"), "average"],
  [
    "a weighed sum of losses",
    (o, { x, y }) => o.add(o.mul(o.mean(x, "nchw"), 0.5), o.mean(o.mul(x, y), "nchw")),
    "average",
  ],
  [
    "a mean over the batch beside numbers of images",
    (o, { x }) => o.mean(o.add(o.mean(x, "chw"), o.expand(o.mean(x, "nchw"), o.mean(x, "chw"))), "n"),
    "average",
  ],
  ["a sum over the batch", (o, { x }) => o.sum(o.abs(x), "nchw"), "total"],
  ["the number of values", (o, { x }) => o.size(x, "nchw"), "count"],
  ["the root of a mean", (o, { x }) => o.sqrt(o.mean(o.square(x), "nchw")), "mixed"],
  ["what differs from the batch's mean", (o, { x }) => o.sub(x, o.mean(x, "nhw")), "average"],
  ["its square", (o, { x }) => o.square(o.sub(x, o.mean(x, "nhw"))), "mixed"],
  ["a batch norm in training", (o, { x }) => norm(o, x, true), "mixed"],
  ["a batch norm outside", (o, { x }) => norm(o, x, false), "image"],
  ["an instance norm", (o, { x }) => instanceNorm.apply(passWith(o, "norm", {}, { training: true }), x), "image"],
  ["the largest value of each image", (o, { x }) => o.max(x, "chw"), "image"],
  ["a value of each plane by its rank", (o, { x }) => o.kthSmallest(x, 2), "image"],
  ["the largest value of the batch", (o, { x }) => o.max(x, "nchw"), "mixed"],
  ["a spectrum", (o, { x, y }) => o.fft(o.mul(x, y)), "image"],
  ["a part of the batch", (o, { x }) => o.slice(x, "n", 0, 1), "mixed"],
  ["a loss and a parameter's penalty", (o, { x, scale }) => o.add(o.mean(x, "nchw"), o.mean(scale, "nchw")), "average"],
  [
    "the slope of a sum of logits",
    (o, { x, weight }) => {
      const { gradients } = differentiate(
        o,
        ({ o, lift }, [image]) => o.sum(o.square(o.conv2d(image, lift(weight))), "nchw"),
        [x],
      );
      return gradients[0];
    },
    "image",
  ],
  [
    "the gradient of a weight",
    (o, { x, weight }) => {
      const { gradients } = differentiate(o, ({ o, lift }, [w]) => o.sum(o.conv2d(lift(x), w), "nchw"), [weight]);
      return gradients[0];
    },
    "total",
  ],
];

test.each(cases)("%s", (_, build, label) => {
  const backend = batchLabels();
  const image = (name: string) => backend.input(name, [undefined, 3, 8, 8], "image");
  const values = {
    x: image("x"),
    y: image("y"),
    weight: backend.input("weight", [4, 3, 3, 3], "fixed"),
    scale: backend.input("scale", [1, 4, 1, 1], "fixed"),
  };
  expect(build(new Ops(backend), values).label).toBe(label);
});
