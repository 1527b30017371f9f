import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { l1 } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { comparePairs, FinishedPairs } from "../../packages/reconloss/src/compare/index.ts";
import { keepingTargets, loadPair } from "../../packages/reconloss/src/compare/load.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { Listings, pairPathsOf } from "../../packages/reconloss/src/image/pairs.ts";
import { compareMethods } from "../../packages/reconloss/src/judge/judge.ts";
import { temporaryFolder } from "../folder.ts";

// What is read once is not missed when it is gone.
const folder = await temporaryFolder();
let count = 0;

async function image(level: number): Promise<string> {
  const path = join(folder, `${++count}.png`);
  await writeImage(path, Tensor.full([1, 3, 16, 16], level));
  return path;
}

async function pairOf(outputLevel: number, more: { mask?: string; target?: string } = {}) {
  const pair = { name: "a.png", output: await image(outputLevel), target: more.target ?? (await image(0.2)) };
  return more.mask === undefined ? pair : { ...pair, mask: more.mask };
}

const levelOf = ({ data }: { data: ArrayLike<number> }) => data[0];

it("decodes files, masks included, from the bytes hashed for finished pairs", async () => {
  const mask = join(folder, "mask.png");
  await writeImage(mask, Tensor.full([1, 1, 16, 16], 1));
  const pair = await pairOf(0.6, { mask });
  const finished = new FinishedPairs(join(folder, "pairs"));
  const outcome = await finished.outcome(pair, [l1()], {}, async (losses, contents) => {
    await Promise.all([pair.output, pair.target, mask].map((path) => rm(path)));
    const { images, weight } = await loadPair(pair, {}, contents);
    expect([levelOf(images.output.tensor), levelOf(images.target.tensor)]).toEqual([
      expect.closeTo(0.6, 2),
      expect.closeTo(0.2, 2),
    ]);
    expect(weight?.shape).toEqual([1, 1, 16, 16]);
    return {
      result: { ...pair, width: 16, height: 16, values: { [losses[0].label]: 0.4 } },
      failures: [],
      notes: [],
      maps: {},
    };
  });
  await finished.close();
  expect(outcome.result?.values).toEqual({ l1: 0.4 });
});

it("errors name the path of a file that was read before", async () => {
  const pair = await pairOf(0.5);
  await writeFile(pair.output, "no image");
  const messages: string[] = [];
  for (const finished of [undefined, new FinishedPairs(join(folder, "more"))]) {
    for await (const { failures } of comparePairs([pair], [l1()], finished ? { finished } : {})) {
      messages.push(...failures.map(({ error }) => error));
    }
  }
  expect(messages.length).toBe(2);
  expect(messages[0]).toContain(pair.output);
  expect(messages[1]).toBe(messages[0]);
});

it("decodes a target once for consecutive pairs, and keeps two", async () => {
  const load = keepingTargets();
  const first = await pairOf(0.4);
  const second = await pairOf(0.5, { target: first.target });
  const other = await pairOf(0.5);
  const [a, b] = [await load(first, {}), await load(other, {})];
  await rm(first.target);
  const c = await load(second, {});
  expect(c.images.target).toBe(a.images.target);
  expect(c.images.target).not.toBe(b.images.target);
  await load(await pairOf(0.1), {});
  await expect(load(second, {})).rejects.toThrow(first.target);
});

it("lists folders once, and keeps files that one pairing excludes for the next", async () => {
  const [outputs, targets] = [join(folder, "out"), join(folder, "in")];
  for (const name of ["a", "b"]) {
    for (const [place, level] of [
      [outputs, 0.5],
      [targets, 0.25],
    ] as const) {
      await writeImage(join(place, `${name}.png`), Tensor.full([1, 1, 16, 16], level));
    }
  }
  const listings = new Listings();
  const excluding = await pairPathsOf(listings, outputs, targets, { exclude: ["a.png"] });
  await writeImage(join(targets, "c.png"), Tensor.full([1, 1, 16, 16], 0.5));
  const all = await pairPathsOf(listings, outputs, targets, {});
  expect([excluding.pairs.length, all.pairs.length, all.unpaired]).toEqual([1, 2, []]);
  expect(all.ignoredFiles).toEqual({ output: {}, target: {} });
});

it("compares methods target by target, each in its own order", async () => {
  const targets = join(folder, "hr");
  const methods = ["one", "two"].map((name) => ({ name, outputs: join(folder, name) }));
  for (const name of ["1", "2", "10"]) {
    await writeImage(join(targets, `${name}.png`), Tensor.full([1, 1, 16, 16], 0.25));
    for (const { outputs } of methods) await writeImage(join(outputs, `${name}.png`), Tensor.full([1, 1, 16, 16], 0.5));
  }
  await rm(join(methods[1].outputs, "2.png"));
  const seen: string[] = [];
  const measures = { losses: [l1()], pixels: {}, optional: new Set<string>() };
  const compared = await compareMethods(methods, targets, measures, {
    onOutcome: (method, { result }) => void seen.push(`${method} ${result?.name}`),
  });
  expect(seen).toEqual(["one 1.png", "two 1.png", "one 2.png", "one 10.png", "two 10.png"]);
  expect(compared.map(({ comparison }) => comparison.pairs.map(({ name }) => name))).toEqual([
    ["1.png", "2.png", "10.png"],
    ["1.png", "10.png"],
  ]);
});
