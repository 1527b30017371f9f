import { checkArguments, described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { type Checkpoint, readCheckpoint } from "../weights/checkpoint.ts";
import { sha256 } from "../weights/sha256.ts";
import { type ByteSource, bytesSource, checkpointError } from "../weights/source.ts";
import { packSafetensors, type RawTensor } from "../weights/write-safetensors.ts";
import { momentParts, momentsFrom } from "./moments.ts";
import { blockImages, type MomentsNode, MomentsState } from "./moments-state.ts";
import { RowsState } from "./rows-state.ts";

/** The state of a metric after some images of a set, to be merged with that of the others. */
export type PartialState = MomentsState | RowsState;

const format = "reconloss state 1";

/** Stands for the digest in the bytes that it is of. */
const noDigest = "0".repeat(64);

/** Bytes with the SHA-256 of themselves, as they are with {@link noDigest} in its place. */
async function sealed(tensors: Readonly<Record<string, RawTensor>>, metadata: Readonly<Record<string, string>>) {
  const bytes = packSafetensors(tensors, { ...metadata, sha256: noDigest });
  bytes.set(new TextEncoder().encode(await sha256(bytes)), placeOf(bytes, noDigest));
  return bytes;
}

/** The position of a text in the header of a safetensors file; there is only one that is as long as a digest. */
function placeOf(bytes: Uint8Array, text: string): number {
  const header = new TextDecoder("latin1").decode(bytes.subarray(0, 8 + headerLength(bytes)));
  return header.lastIndexOf(`"sha256":"${text}"`) + '"sha256":"'.length;
}

function headerLength(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
}

/** Whether bytes are those that were sealed. */
async function isIntact(bytes: Uint8Array, digest: string): Promise<boolean> {
  if (!/^[0-9a-f]{64}$/.test(digest)) return false;
  const before = new Uint8Array(bytes);
  before.set(new TextEncoder().encode(noDigest), placeOf(before, digest));
  return (await sha256(before)) === digest;
}

/** A node of moments as its metadata says it: level, index and number of images. */
type NodeEntry = readonly [level: number, index: number, count: number];

/**
 * A state as the bytes of a safetensors file, for {@link loadState} in another process.
 *
 * @param about - texts that travel with it, such as the protocol
 * @throws {ReconlossError} `invalid-argument` for what is no state
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { loadState, MomentsState, mergeStates, saveState } from "@reconloss/core/metrics";
 * const [mine, another] = [new MomentsState(), new MomentsState()];
 * mine.add(0, Tensor.from([1, 3], [2, 1, 1, 1]));
 * another.add(1, Tensor.from([5], [1, 1, 1, 1]));
 * const { state, about } = await loadState(await saveState(another, { network: "mine" }));
 * about.network; // "mine"
 * mergeStates([state, mine]).count; // 3
 * ```
 */
export async function saveState(
  state: PartialState,
  about: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  checkArguments("saveState", { about: [about, "object"] });
  const header = { ...about, format };
  if (state instanceof RowsState) {
    const { count, dimension, indices } = state;
    const rows: RawTensor = { dtype: "float32", shape: [count, dimension], data: await state.all() };
    const places: RawTensor = { dtype: "float64", shape: [count], data: Float64Array.from(indices) };
    return sealed({ rows, places }, { ...header, state: "rows" });
  }
  if (!(state instanceof MomentsState)) {
    throw new ReconlossError("invalid-argument", `state must be a MomentsState or RowsState, got ${described(state)}`);
  }
  const nodes = state.nodes();
  const tensors = nodes.filter(({ moments }) => moments.count > 0).flatMap(momentTensors);
  const entries = nodes.map(({ level, index, moments }): NodeEntry => [level, index, moments.count]);
  const metadata = { ...header, state: "moments", blockImages: String(blockImages), nodes: JSON.stringify(entries) };
  return sealed(Object.fromEntries(tensors), metadata);
}

const nameOf = (level: number, index: number, part: "mean" | "scatter") => `${level}/${index}/${part}`;

function momentTensors({ level, index, moments }: MomentsNode): [string, RawTensor][] {
  const { mean, scatter } = momentParts(moments);
  return [
    [nameOf(level, index, "mean"), { dtype: "float64", shape: [mean.length], data: mean }],
    [nameOf(level, index, "scatter"), { dtype: "float64", shape: [scatter.length], data: scatter }],
  ];
}

/**
 * Reads what {@link saveState} wrote.
 *
 * @param file - its bytes, or where they come from
 * @returns the state, and the texts that were saved with it
 * @throws {ReconlossError} `checkpoint` for a file that is damaged, cut short or no state
 *
 * @example
 * ```ts
 * import { loadState } from "@reconloss/core/metrics";
 * const error = await loadState(new TextEncoder().encode("<html>not found</html>")).catch((caught) => caught);
 * error.code; // "checkpoint"
 * ```
 */
export async function loadState(
  file: Uint8Array | ByteSource,
): Promise<{ state: PartialState; about: Readonly<Record<string, string>> }> {
  const isBytes = file instanceof Uint8Array;
  if (!isBytes) checkArguments("loadState", { file: [file, "object", ["name", "size", "read"]] });
  const source = isBytes ? bytesSource("the state", file) : file;
  const checkpoint = await readCheckpoint(source);
  const { format: found, state: kind, blockImages: images, nodes, sha256: digest, ...about } = checkpoint.metadata;
  const refuse = (problem: string, cause?: unknown): never => {
    throw checkpointError(checkpoint.file, problem, cause);
  };
  if (found !== format) refuse(`is not a state of a metric: its format is ${found ?? "missing"}, not ${format}`);
  if (!(await isIntact(await source.read(0, source.size), digest ?? ""))) refuse("is damaged: its SHA-256 is another");
  if (kind !== "rows" && kind !== "moments") refuse(`holds the unknown state ${kind}`);
  if (kind === "moments" && images !== String(blockImages)) {
    refuse(`has blocks of ${images} images, not of ${blockImages}`);
  }
  try {
    return { state: kind === "rows" ? await rowsIn(checkpoint) : await momentsIn(checkpoint, nodes ?? ""), about };
  } catch (error) {
    if (!(error instanceof ReconlossError) || error.code === "checkpoint") throw error;
    return refuse(error.message, error);
  }
}

async function rowsIn(checkpoint: Checkpoint): Promise<RowsState> {
  const places = await values(checkpoint, "places", "float64");
  const state = new RowsState();
  const [count, dimension] = checkpoint.shape("rows");
  if (checkpoint.shape("rows").length !== 2 || count !== places.length) {
    throw checkpointError(checkpoint.file, `rows of shape [${checkpoint.shape("rows")}] for ${places.length} places`);
  }
  const data = await values(checkpoint, "rows", "float32");
  if (count > 0) state.add(places, new Tensor(data, [count, dimension, 1, 1]));
  return state;
}

async function momentsIn(checkpoint: Checkpoint, nodes: string): Promise<MomentsState> {
  const state = new MomentsState();
  for (const [level, index, count] of entriesIn(checkpoint, nodes)) {
    if (count === 0) {
      state.addNode({
        level,
        index,
        moments: momentsFrom({ count, mean: new Float64Array(0), scatter: new Float64Array(0) }),
      });
      continue;
    }
    const mean = await values(checkpoint, nameOf(level, index, "mean"), "float64");
    const scatter = await values(checkpoint, nameOf(level, index, "scatter"), "float64");
    const d = mean.length;
    const problem =
      d === 0 || scatter.length !== (d * (d + 1)) / 2
        ? `${scatter.length} products for a mean of ${d} values`
        : brokenIn(mean, scatter);
    if (problem) throw checkpointError(checkpoint.file, `node ${level}/${index} has ${problem}`);
    state.addNode({ level, index, moments: momentsFrom({ count, mean, scatter }) });
  }
  return state;
}

function brokenIn(mean: Float64Array, scatter: Float64Array): string | undefined {
  const broken = [mean, scatter].find((values) => !values.every(Number.isFinite));
  if (broken) return `${broken.find((value) => !Number.isFinite(value))} among its numbers`;
  const negative = mean.findIndex((_, i) => scatter[(i * (i + 3)) / 2] < 0);
  return negative < 0 ? undefined : `a negative variance of feature ${negative}`;
}

function entriesIn({ file }: Checkpoint, text: string): NodeEntry[] {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (cause) {
    throw checkpointError(file, "its list of nodes is not JSON", cause);
  }
  const isEntry = (entry: unknown) => {
    return (
      Array.isArray(entry) && entry.length === 3 && entry.every((value) => Number.isSafeInteger(value) && value >= 0)
    );
  };
  if (!Array.isArray(entries) || !entries.every(isEntry))
    throw checkpointError(file, "its list of nodes is not a list");
  return entries as NodeEntry[];
}

interface Arrays {
  float32: Float32Array<ArrayBuffer>;
  float64: Float64Array<ArrayBuffer>;
}

async function values<T extends keyof Arrays>(checkpoint: Checkpoint, name: string, dtype: T): Promise<Arrays[T]> {
  if (!checkpoint.names.includes(name)) throw checkpointError(checkpoint.file, `has no tensor ${name}`);
  if (checkpoint.dtype(name) !== dtype) {
    throw checkpointError(checkpoint.file, `tensor ${name} is ${checkpoint.dtype(name)}, not ${dtype}`);
  }
  return (await checkpoint.read(name)).data as Arrays[T];
}

/**
 * The state of all images of several; the bits are the same in any order.
 *
 * @throws {ReconlossError} `invalid-argument` for none, for states of different kinds, and for images that are there twice; `shape`
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { mergeStates, RowsState } from "@reconloss/core/metrics";
 * const [a, b] = [new RowsState(), new RowsState()];
 * a.add([1], Tensor.from([3], [1, 1, 1, 1]));
 * b.add([0], Tensor.from([2], [1, 1, 1, 1]));
 * mergeStates([a, b]).count; // 2
 * ```
 */
export function mergeStates<State extends PartialState>(states: readonly State[]): State {
  checkArguments("mergeStates", { states: [states, "objects"] });
  const [first] = states;
  const kind = [MomentsState, RowsState].find((type) => first instanceof type);
  if (kind === undefined || !states.every((state) => state instanceof kind)) {
    throw new ReconlossError(
      "invalid-argument",
      "states must be at least one, all of them MomentsState or all RowsState",
    );
  }
  const merged = new kind() as State;
  for (const state of states) merged.merge(state as MomentsState & RowsState);
  return merged;
}
