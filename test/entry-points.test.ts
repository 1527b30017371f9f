import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as graph from "../packages/core/src/graph/index.ts";
import * as jax from "../packages/core/src/jax/index.ts";
import * as kernels from "../packages/core/src/kernels/index.ts";
import * as nets from "../packages/core/src/nets/index.ts";
import * as cluster from "../packages/reconloss/src/cluster/index.ts";
import * as compare from "../packages/reconloss/src/compare/index.ts";
import * as figure from "../packages/reconloss/src/figure/index.ts";
import * as image from "../packages/reconloss/src/image/index.ts";
import * as judge from "../packages/reconloss/src/judge/index.ts";
import * as matchers from "../packages/reconloss/src/matchers/index.ts";
import * as quality from "../packages/reconloss/src/quality/index.ts";
import * as report from "../packages/reconloss/src/report/index.ts";
import * as shards from "../packages/reconloss/src/shards/index.ts";
import * as tasks from "../packages/reconloss/src/tasks/index.ts";
import * as train from "../packages/reconloss/src/train/index.ts";
import * as video from "../packages/reconloss/src/video/index.ts";
import * as vitest from "../packages/reconloss/src/vitest/index.ts";
import * as weights from "../packages/reconloss/src/weights/index.ts";
import { temporaryFolder } from "./folder.ts";
import { rawErrors, subjectsOf } from "./wrong-types.ts";

// The rule of test/wrong-types.test.ts, for the other entry points; reconloss/metrics and reconloss/distribution: test/distribution/arguments.test.ts.
const entryPoints = {
  cluster,
  compare,
  figure,
  graph,
  image,
  jax,
  judge,
  kernels,
  matchers,
  nets,
  quality,
  report,
  shards,
  tasks,
  train,
  video,
  vitest,
  weights,
};

const offline = process.env.RECONLOSS_OFFLINE;
const folder = await temporaryFolder();
const home = process.cwd();
beforeAll(() => {
  // Some of what is wrong for one function is a good file name for another.
  process.chdir(folder);
  process.env.RECONLOSS_OFFLINE = "1";
});
afterAll(() => {
  process.chdir(home);
  if (offline === undefined) delete process.env.RECONLOSS_OFFLINE;
  else process.env.RECONLOSS_OFFLINE = offline;
});

describe.each(Object.entries(entryPoints))("reconloss/%s", (_, exported) => {
  test.each(subjectsOf(exported))("$name", async (subject) => {
    expect(await rawErrors(subject)).toEqual([]);
  });
});
