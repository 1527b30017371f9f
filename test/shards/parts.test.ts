import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { planComparison, runShard } from "../../packages/reconloss/src/shards/index.ts";
import { PlanParts } from "../../packages/reconloss/src/shards/parts.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();
const images = join(folder, "images");

beforeAll(async () => {
  for (let i = 0; i < 4; i++) await writeImage(join(images, `${i}.png`), randomTensor([1, 1, 8, 8], i));
});

test("repeated looks at the parts read only new ones, and notice removed ones", async () => {
  const work = join(folder, "work");
  const parts = new PlanParts(work, await planComparison(work, images, images, { metrics: "l1", shards: 4 }));
  await runShard(work, 0);
  await runShard(work, 2);
  expect(await parts.look()).toEqual({ done: [0, 2], missing: [1, 3], problems: [] });
  // What is known is not opened: this would be no part.
  await writeFile(parts.store.nameOf(0), "overwritten");
  await writeFile(parts.store.nameOf(3), "no part");
  await runShard(work, 1);
  const damaged = expect.stringMatching(/000003\.jsonl is not a part of a plan/);
  expect(await parts.look()).toEqual({ done: [0, 1, 2], missing: [3], problems: [damaged] });
  await rm(parts.store.nameOf(1));
  expect(await parts.look()).toMatchObject({ done: [0, 2], missing: [1, 3] });
  // A look at every byte takes nothing as known.
  expect(await parts.look({ whole: true })).toMatchObject({ done: [2], missing: [0, 1, 3] });
});
