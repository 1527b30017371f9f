import { evaluateDistribution } from "../../packages/reconloss/src/distribution/index.ts";

/** Compares two folders, as a process of its own that can be killed: outputs, reals, network, cache. */
const [outputs, reals, network, cache] = process.argv.slice(2);
const metrics = ["frechet", "is", "kid", "pr"] as const;
console.log(JSON.stringify(await evaluateDistribution(outputs, reals, { network, cache, metrics, batch: 3 })));
