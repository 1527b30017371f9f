import "@tensorflow/tfjs-backend-wasm";
import { cpus } from "node:os";
import * as tf from "@tensorflow/tfjs-core";
import { registerGradients } from "../packages/core/src/tensorflow/index.ts";
import { parseLoss } from "../packages/reconloss/src/index.ts";
import { cases, described, line, specs, timed } from "./frameworks/cases.ts";
import { tensorflowSteps } from "./frameworks/tensorflow.ts";

// npx tsx bench/tensorflow.ts: one training step in TensorFlow.js on its device wasm, with the loss on the tape, and with a loss beside it, which takes the model twice.

const rounds = 9;
await tf.setBackend("wasm");
registerGradients(tf);
console.log(
  `${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; TensorFlow.js wasm; median of ${rounds}`,
);
for (const given of cases)
  for (const spec of specs) {
    const times = await timed(await tensorflowSteps(parseLoss(spec), given), rounds);
    console.log(line(`${spec}, ${described(given)}`, times));
  }
