import { checkArguments } from "../arguments.ts";
import type { TrainingState } from "../definitions/learner.ts";
import { ReconlossError } from "../errors.ts";
import { firstNonFinite, Tensor } from "../tensor.ts";
import { readCheckpoint } from "../weights/checkpoint.ts";
import { bytesSource } from "../weights/source.ts";
import { safetensors } from "../weights/write-safetensors.ts";

/** The end of the name under which a state's count of steps is kept. */
const ofSteps = " steps";

/**
 * Refuses texts that cannot travel with a checkpoint.
 *
 * @param own - names under which the training keeps its own
 */
export function checkMetadata(metadata: Readonly<Record<string, unknown>>, own: readonly string[]): void {
  checkArguments("checkpoint", { metadata: [metadata, "object"] });
  for (const [name, text] of Object.entries(metadata)) {
    checkArguments("checkpoint", { [`metadata ${name}`]: [text, "text"] });
    if (!own.includes(name) && !name.endsWith(ofSteps)) continue;
    throw new ReconlossError(
      "invalid-argument",
      `checkpoint: metadata cannot be named ${name}, which the training's own metadata use`,
    );
  }
}

/** Several states as one safetensors file: tensor `x` of state `model` is `model/x`, its count of steps the text `model steps`. */
export function writeStates(
  states: Readonly<Record<string, TrainingState>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const tensors: Record<string, Tensor> = {};
  const steps: Record<string, string> = {};
  for (const [state, { steps: count, tensors: own }] of Object.entries(states)) {
    steps[state + ofSteps] = String(count);
    for (const [name, tensor] of Object.entries(own)) tensors[`${state}/${name}`] = tensor;
  }
  return safetensors(tensors, { ...metadata, ...steps });
}

/**
 * Reads what {@link writeStates} wrote.
 *
 * @param file - what errors call it
 * @throws {ReconlossError} `checkpoint` for bytes that are not such a file
 */
export async function readStates(
  bytes: Uint8Array,
  file: string,
): Promise<{ states: Record<string, TrainingState>; metadata: Readonly<Record<string, string>> }> {
  const checkpoint = await readCheckpoint(bytesSource(file, bytes));
  // Without a prototype: a file may call a state or a tensor `constructor` or `__proto__`.
  const states: Record<string, { steps: number; tensors: Record<string, Tensor> }> = Object.create(null);
  for (const [text, count] of Object.entries(checkpoint.metadata)) {
    if (!text.endsWith(ofSteps)) continue;
    const steps = Number(count);
    if (!/^\d+$/.test(count) || !Number.isSafeInteger(steps)) {
      throw new ReconlossError("checkpoint", `${file}: ${text} are ${JSON.stringify(count)}, not a count`);
    }
    states[text.slice(0, -ofSteps.length)] = { steps, tensors: Object.create(null) };
  }
  for (const name of checkpoint.names) {
    const { shape, data } = await checkpoint.read(name);
    const [state, own] = [name.slice(0, name.indexOf("/")), name.slice(name.indexOf("/") + 1)];
    if (states[state] === undefined || shape.length !== 4 || !(data instanceof Float32Array)) {
      throw new ReconlossError("checkpoint", `${file}: ${name} is not a tensor of a saved training`);
    }
    const broken = firstNonFinite(data);
    if (broken >= 0) throw new ReconlossError("checkpoint", `${file}: ${name} holds ${data[broken]}`);
    states[state].tensors[own] = new Tensor(data, shape);
  }
  return { states, metadata: checkpoint.metadata };
}
