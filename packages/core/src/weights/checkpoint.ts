import { checkArguments } from "../arguments.ts";
import { listNames } from "../text.ts";
import { underKey } from "./containers.ts";
import {
  countOf,
  type DType,
  decodeElements,
  elementBytes,
  gather,
  isContiguous,
  type TensorData,
  viewSpan,
} from "./elements.ts";
import { readSafetensors } from "./safetensors.ts";
import { type ByteSource, checkpointError, readBytes } from "./source.ts";
import type { CheckpointContents, StoredTensor } from "./stored.ts";
import { isLegacyTorch, isTorchZip, readLegacyTorch, readTorchZip } from "./torch.ts";

// A view may repeat elements (stride 0), so its size is not bounded by the file's; this bounds it.
const LARGEST_EXPANSION = 2 ** 20;

/**
 * The named tensors of a checkpoint file. Nothing but the directory is read until a tensor is asked for, and then only its own bytes.
 * Made by {@link readCheckpoint} or `openCheckpoint`; close it when done.
 *
 * @example
 * ```ts
 * import { bytesSource, type Checkpoint, readCheckpoint } from "@reconloss/core/weights";
 *
 * const header = '{"bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
 * const file = new Uint8Array(8 + header.length + 8);
 * file[0] = header.length;
 * file.set(new TextEncoder().encode(header), 8);
 * const checkpoint: Checkpoint = await readCheckpoint(bytesSource("bias.safetensors", file));
 * checkpoint.names; // ["bias"]
 * Array.from((await checkpoint.read("bias")).data); // [0, 0]
 * ```
 */
export class Checkpoint {
  /** The file's name in error messages: its path. */
  readonly file: string;
  readonly format: "torch" | "safetensors";
  /** Names of all tensors, as stored and in the file's order. */
  readonly names: readonly string[];
  /** Text stored beside the tensors (safetensors only; empty otherwise). */
  readonly metadata: Readonly<Record<string, string>>;
  /** The keys under which the tensors were, joined by dots: `params_ema`. None where the file holds nothing but the tensors. */
  readonly container?: string;
  /** Notes on the file: which of several sets of tensors was taken. */
  readonly notes: readonly string[];
  readonly #source: ByteSource;
  readonly #tensors: ReadonlyMap<string, StoredTensor>;

  constructor(source: ByteSource, contents: CheckpointContents) {
    checkArguments("Checkpoint", { source: [source, "object"], contents: [contents, "object", ["tensors"]] });
    this.file = source.name;
    this.format = contents.format;
    this.names = [...contents.tensors.keys()];
    this.metadata = contents.metadata;
    this.container = contents.container;
    this.notes = contents.notes ?? [];
    this.#source = source;
    this.#tensors = contents.tensors;
  }

  /**
   * Sizes of the axes in PyTorch's order, outermost first; empty for a scalar.
   *
   * @throws {ReconlossError} `checkpoint` when there is no tensor of that name.
   */
  shape(name: string): readonly number[] {
    return this.#tensor(name).shape;
  }

  /**
   * Element type in the file.
   *
   * @throws {ReconlossError} `checkpoint` when there is no tensor of that name.
   */
  dtype(name: string): DType {
    return this.#tensor(name).run.dtype;
  }

  /**
   * One tensor, row-major, in memory of its own. Half and bfloat16 come as float32, bool as 0 and 1.
   *
   * @throws {ReconlossError} `checkpoint` when there is no tensor of that name or its bytes are damaged.
   */
  async read(name: string): Promise<{ shape: readonly number[]; data: TensorData }> {
    const { run, offset, shape, strides } = this.#tensor(name);
    const count = countOf(shape);
    if (count > Math.max(run.count, LARGEST_EXPANSION)) {
      throw checkpointError(this.file, `tensor ${name} repeats ${run.count} stored elements into ${count}`);
    }
    const size = elementBytes[run.dtype];
    const data = decodeElements(run.dtype, await run.read(offset * size, viewSpan(shape, strides) * size));
    return { shape, data: isContiguous(shape, strides) ? data : gather(data, shape, strides) };
  }

  /** Closes the file. Reading afterwards is an error. */
  close(): Promise<void> {
    return this.#source.close();
  }

  #tensor(name: string): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) {
      throw checkpointError(this.file, `there is no tensor ${name}; it has ${listNames(this.names)}`);
    }
    return tensor;
  }
}

/** Options of {@link readCheckpoint} and `openCheckpoint`. */
export interface CheckpointOptions {
  /**
   * Under which key of the file the tensors are, or under which keys, joined by dots: `generator`, `model.state_dict`; in a file without nesting,
   * what their names begin with. Default: the file itself, or the first that it has of `params_ema`, `g_ema`, `ema`, `params`, `model_state_dict`,
   * `state_dict`, `model`, `net` and `generator`, which `container` and, where there was a choice, `notes` then tell.
   */
  key?: string;
}

/**
 * Reads the directory of a PyTorch (`.pth` or TorchScript, zip or legacy format) or safetensors file; which it is shows in its first bytes. Never runs
 * code from the file: a pickle is interpreted by an allow-list that can build tensors, containers and plain values only, and of TorchScript's modules
 * the attributes alone.
 *
 * @throws {ReconlossError} `checkpoint` when the file is damaged, of another kind, or needs anything outside the allow-list.
 * @example
 * ```ts
 * import { bytesSource, readCheckpoint } from "@reconloss/core/weights";
 *
 * const page = new TextEncoder().encode("<html>not found</html>");
 * const error = await readCheckpoint(bytesSource("vgg16.pth", page)).catch((caught) => caught);
 * error.code; // "checkpoint"
 * ```
 */
export async function readCheckpoint(source: ByteSource, options: CheckpointOptions = {}): Promise<Checkpoint> {
  checkArguments("readCheckpoint", { source: [source, "object"], options: [options, "object?"] });
  const { key } = options;
  if (source.size === 0) throw checkpointError(source.name, "the file is empty");
  return new Checkpoint(source, underKey(source.name, await readContents(source, key), key));
}

async function readContents(source: ByteSource, key: string | undefined): Promise<CheckpointContents> {
  const start = await readBytes(source, 0, Math.min(16, source.size), "the start");
  if (isTorchZip(start)) return readTorchZip(source, key);
  if (/\.safetensors$/i.test(source.name) || start[8] === 0x7b) return readSafetensors(source);
  if (isLegacyTorch(start)) return readLegacyTorch(source, key);
  const text = new TextDecoder("latin1").decode(start);
  const kind = /^\s*</.test(text) ? "it looks like a web page" : `it starts with ${JSON.stringify(text)}`;
  throw checkpointError(source.name, `neither a PyTorch nor a safetensors checkpoint: ${kind}`);
}
