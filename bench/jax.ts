import { cpus } from "node:os";
import { parseLoss } from "../packages/reconloss/src/index.ts";
import { cases, described, line, specs, timed } from "./frameworks/cases.ts";
import { jaxSteps } from "./frameworks/jax.ts";

// npx tsx bench/jax.ts: one training step in jax-js on its device wasm, with the loss inside its program, and with a loss beside it.

const rounds = 9;
console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; jax-js wasm; median of ${rounds}`);
for (const given of cases)
  for (const spec of specs) {
    const times = await timed(await jaxSteps(parseLoss(spec), given), rounds);
    console.log(line(`${spec}, ${described(given)}`, times));
  }
