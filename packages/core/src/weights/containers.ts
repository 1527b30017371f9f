import { listNames } from "../text.ts";
import { checkpointError } from "./source.ts";
import type { CheckpointContents } from "./stored.ts";

/**
 * Keys under which training programs nest the weights, the preferred one first: an average over training beats the last step, and weights beat
 * what may hold them. `g_ema` and `generator` are a generative network's, the part that makes images.
 */
const containers = [
  "params_ema",
  "g_ema",
  "ema",
  "params",
  "model_state_dict",
  "state_dict",
  "model",
  "net",
  "generator",
] as const;

const deepestNesting = 4;

/** A dict of a pickle. */
type Dict = ReadonlyMap<unknown, unknown>;

/** The dict that holds the weights. */
export interface ChosenDict {
  readonly dict: Dict;
  /** The keys that lead to it: `model.state_dict`; empty for the object itself. */
  readonly path: string;
  /** Says what was chosen, where there was a choice. */
  readonly notes: readonly string[];
}

const isDict = (value: unknown): value is Dict => value instanceof Map;

/** Whether a dict has tensors, or a known key under which it has some. */
function holdsTensors(dict: Dict, isTensor: (value: unknown) => boolean, depth = deepestNesting): boolean {
  if ([...dict.values()].some(isTensor)) return true;
  return (
    depth > 0 &&
    containers.some((key) => {
      const item = dict.get(key);
      return isDict(item) && holdsTensors(item, isTensor, depth - 1);
    })
  );
}

/** The keys of a dict under which there are tensors. */
function keysOf(dict: Dict, isTensor: (value: unknown) => boolean): string[] {
  return [...dict].flatMap(([key, item]) =>
    typeof key === "string" && isDict(item) && holdsTensors(item, isTensor) ? [key] : [],
  );
}

/** The dict at a key, or at keys joined by dots. */
function dictAt(dict: Dict, key: string): Dict | undefined {
  const direct = dict.get(key);
  if (isDict(direct)) return direct;
  for (let at = key.lastIndexOf("."); at > 0; at = key.lastIndexOf(".", at - 1)) {
    const outer = dict.get(key.slice(0, at));
    const inner = isDict(outer) ? dictAt(outer, key.slice(at + 1)) : undefined;
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/**
 * Looks for the weights in what a checkpoint holds: the dict at `key`, or without one the preferred of those that are known, then on inside it.
 *
 * @param isTensor - whether a value is a tensor, or holds some by name
 */
export function chooseDict(root: Dict, key: string | undefined, isTensor: (value: unknown) => boolean): ChosenDict {
  const start = key === undefined ? root : dictAt(root, key);
  // Names of a flat state dict may begin with the key: see `underKey`.
  if (start === undefined) return { dict: root, path: "", notes: [] };
  const path = key === undefined ? [] : [key];
  const notes: string[] = [];
  let dict = start;
  for (let depth = 0; depth < deepestNesting; depth++) {
    const keys = keysOf(dict, isTensor);
    const chosen = containers.find((known) => keys.includes(known));
    if (chosen === undefined) break;
    if (keys.length > 1)
      notes.push(`of ${listNames(keys)}, each of which holds tensors, ${chosen} is read (the key chooses)`);
    path.push(chosen);
    dict = dict.get(chosen) as Dict;
  }
  return { dict, path: path.join("."), notes };
}

/** Advice on how a checkpoint without named tensors where they are looked for could be read all the same. */
export function adviceOnKeys(root: unknown, isTensor: (value: unknown) => boolean): string {
  const keys = isDict(root) ? keysOf(root, isTensor) : [];
  return keys.length === 0 ? "" : `; there are tensors under ${listNames(keys)}: choose one of these as the key`;
}

/**
 * The contents under a key that is none of a dict: the tensors whose names begin with it, without it.
 *
 * @throws {ReconlossError} `checkpoint` where there are none
 */
export function underKey(file: string, contents: CheckpointContents, key: string | undefined): CheckpointContents {
  if (key === undefined || contents.container !== undefined) return contents;
  const start = `${key}.`;
  const tensors = new Map(
    [...contents.tensors].flatMap(([name, tensor]) =>
      name.startsWith(start) ? [[name.slice(start.length), tensor] as const] : [],
    ),
  );
  if (tensors.size > 0) return { ...contents, tensors, container: key };
  const heads = new Set(
    [...contents.tensors.keys()].flatMap((name) => (name.includes(".") ? [name.split(".", 1)[0]] : [])),
  );
  const has =
    heads.size > 0
      ? `its names begin with ${listNames([...heads])}`
      : `it has ${listNames([...contents.tensors.keys()])}`;
  throw checkpointError(file, `there is nothing under the key ${JSON.stringify(key)}; ${has}`);
}
