import { adviceOnKeys, chooseDict } from "./containers.ts";
import { countOf, type DType, elementBytes, isCount, isShape, viewSpan } from "./elements.ts";
import { BYTES_PER_DICT, PickleError, type PickleFunction, PickleTruncated, unpickle } from "./pickle.ts";
import { type ByteSource, checkpointError, readBytes } from "./source.ts";
import type { CheckpointContents, StoredRun, StoredTensor } from "./stored.ts";
import { readZip } from "./zip.ts";

/** The number that starts every legacy file, as PyTorch's `torch/serialization.py` defines it. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_PROTOCOL = 1001;
/** Largest pickle that is read, in bytes; a thousand tensors take about a tenth of a megabyte. */
const LARGEST_PICKLE = 2 ** 22;

const storageTypes: Readonly<Record<string, DType>> = {
  FloatStorage: "float32",
  DoubleStorage: "float64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
};

/** Bounds on the modules of a TorchScript archive: deepest nesting, longest name, most attributes of all. Inception has five, 50 and two thousand. */
const DEEPEST_MODULE = 32;
const LONGEST_NAME = 2 ** 12;
const MOST_ATTRIBUTES = 2 ** 20;

/** A storage that the pickle refers to: a run of elements somewhere in the file. */
class Storage {
  constructor(
    readonly key: string,
    readonly dtype: DType,
    readonly count: number,
  ) {}
}

/** A tensor as the pickle describes it, not yet tied to the file's bytes. */
class TensorDescription {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** An object of a TorchScript class: its attributes by name. What its class would do with them is never run. */
class ScriptObject {
  attributes: ReadonlyMap<unknown, unknown> = new Map();

  constructor(readonly type: string) {}
}

/** Functions of a TorchScript archive that only say of which type the values of a list are. */
const typedLists = ["build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag"];

/** A storage type such as torch.FloatStorage, which persistent ids name. */
class StorageType {
  constructor(readonly dtype: DType) {}
}

/** A key as text. Only texts and numbers have one: a nested value could be deep enough to overflow the call stack. */
function keyText(key: unknown): string {
  if (typeof key === "string") return key;
  return typeof key === "number" || typeof key === "bigint" ? String(key) : `(${kindOf(key)})`;
}

/** Whether a file's first bytes are those of a zip archive. */
export function isTorchZip(start: Uint8Array): boolean {
  return start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
}

/** Whether a file's first bytes are those of a pickle, as in PyTorch's format before version 1.6. */
export function isLegacyTorch(start: Uint8Array): boolean {
  return start[0] === 0x80 && start[1] >= 2 && start[1] <= 5;
}

/** The directory of a file in PyTorch's zip format: `data.pkl` describes the tensors, `data/<key>` holds each storage. */
export async function readTorchZip(source: ByteSource, key?: string): Promise<CheckpointContents> {
  const entries = await readZip(source);
  const pickle = [...entries.values()].find(({ name }) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickle === undefined)
    throw checkpointError(source.name, "a zip archive without data.pkl is not a PyTorch checkpoint");
  const folder = pickle.name.slice(0, -"data.pkl".length);
  if (pickle.size > LARGEST_PICKLE) {
    throw checkpointError(
      source.name,
      `data.pkl has ${pickle.size} bytes, more than the ${LARGEST_PICKLE} that are read`,
    );
  }
  const byteOrder = entries.get(`${folder}byteorder`);
  if (byteOrder && byteOrder.size !== "little".length) throw checkpointError(source.name, "the file is big endian");

  const program = new TorchPickle(source.name);
  const { value } = program.run(await pickle.readAll(), 0);
  return program.contents(value, key, (storage) => {
    const entry = entries.get(`${folder}data/${storage.key}`);
    if (entry === undefined) throw checkpointError(source.name, `storage ${storage.key} is not in the archive`);
    const needed = storage.count * elementBytes[storage.dtype];
    if (entry.size !== needed) {
      throw checkpointError(source.name, `storage ${storage.key} has ${entry.size} bytes where ${needed} are needed`);
    }
    return { dtype: storage.dtype, count: storage.count, read: entry.read };
  });
}

/**
 * The directory of a file in PyTorch's legacy format: five pickles (magic number, protocol, system, the object, the storages' keys), then
 * each storage as an element count and its bytes.
 */
export async function readLegacyTorch(source: ByteSource, key?: string): Promise<CheckpointContents> {
  const program = new TorchPickle(source.name);
  const { values, end } = await readPickles(source, program);
  const [magic, protocol, system, value, keys] = values;
  if (magic !== LEGACY_MAGIC) {
    throw checkpointError(source.name, "a plain pickle, not a checkpoint that torch.save wrote");
  }
  if (protocol !== LEGACY_PROTOCOL) throw checkpointError(source.name, `legacy protocol ${keyText(protocol)}`);
  if (system instanceof Map && system.get("little_endian") === false) {
    throw checkpointError(source.name, "the file is big endian");
  }
  if (!Array.isArray(keys)) throw checkpointError(source.name, "the list of storages is missing");

  const starts = new Map<string, number>();
  let at = end;
  for (const key of keys) {
    const storage = program.storages.get(keyText(key));
    if (storage === undefined) throw checkpointError(source.name, `storage ${keyText(key)} belongs to no tensor`);
    const count = new DataView((await readBytes(source, at, 8, `storage ${storage.key}`)).buffer).getBigInt64(0, true);
    const length = storage.count * elementBytes[storage.dtype];
    if (count !== BigInt(storage.count) || starts.has(storage.key)) {
      throw checkpointError(
        source.name,
        `storage ${storage.key} has ${count} elements where ${storage.count} are expected`,
      );
    }
    starts.set(storage.key, at + 8);
    at += 8 + length;
    if (at > source.size) {
      throw checkpointError(
        source.name,
        `storage ${storage.key} ends at byte ${at} of ${source.size}: the file is cut short`,
      );
    }
  }
  return program.contents(value, key, (storage) => {
    const start = starts.get(storage.key);
    if (start === undefined) throw checkpointError(source.name, `storage ${storage.key} is not in the file`);
    const read = (offset: number, length: number) =>
      readBytes(source, start + offset, length, `storage ${storage.key}`);
    return { dtype: storage.dtype, count: storage.count, read };
  });
}

/** The five pickles at the file's start. Their length is not written anywhere, so the piece that is read doubles until they fit. */
async function readPickles(source: ByteSource, program: TorchPickle): Promise<{ values: unknown[]; end: number }> {
  const most = Math.min(source.size, LARGEST_PICKLE);
  for (let length = Math.min(2 ** 16, most); ; length = Math.min(2 * length, most)) {
    const bytes = await readBytes(source, 0, length, "the pickle");
    const values: unknown[] = [];
    let end = 0;
    try {
      for (let index = 0; index < 5; index++) {
        const result = program.run(bytes, end);
        values.push(result.value);
        end = result.end;
        if (values[0] !== LEGACY_MAGIC) break;
      }
      return { values, end };
    } catch (error) {
      const isCut = error instanceof Error && error.cause instanceof PickleTruncated;
      if (!isCut || length === most) throw error;
    }
  }
}

/** PyTorch's meaning of a pickle: the globals that may be named, what they build, and the tensors in the result. */
class TorchPickle {
  readonly storages = new Map<string, Storage>();
  readonly #file: string;
  /** Items that calls may still copy; a pickle cannot honestly hold more than it has bytes. */
  #budget = 0;
  readonly #globals: ReadonlyMap<string, PickleFunction | StorageType>;

  constructor(file: string) {
    this.#file = file;
    this.#globals = new Map<string, PickleFunction | StorageType>([
      ["collections.OrderedDict", (parameters) => this.#orderedDict(parameters)],
      ["torch._utils._rebuild_tensor", (parameters) => this.#tensor(parameters)],
      ["torch._utils._rebuild_tensor_v2", (parameters) => this.#tensor(parameters)],
      ["torch._utils._rebuild_parameter", ([tensor]) => tensor],
      ["torch.Size", ([sizes]) => sizes],
      ...typedLists.map((name): [string, PickleFunction] => [`torch.jit._pickle.${name}`, ([values]) => values]),
      ...Object.entries(storageTypes).flatMap(([name, dtype]) =>
        ["torch", "torch.cuda"].map((module): [string, StorageType] => [`${module}.${name}`, new StorageType(dtype)]),
      ),
    ]);
  }

  /** Interprets the pickle at `start`. */
  run(bytes: Uint8Array, start: number): { value: unknown; end: number } {
    this.#budget = bytes.length + 1024;
    try {
      return unpickle(bytes, start, {
        global: (module, name) => {
          const known = this.#globals.get(`${module}.${name}`) ?? this.#scriptClass(module, name);
          if (known === undefined) {
            throw new PickleError(
              `it asks for the Python global ${module}.${name}, which is not on the list of what a checkpoint may use; nothing was run (save only the state_dict, or convert the file to safetensors)`,
            );
          }
          return known;
        },
        persistent: (id) => this.#storage(id),
        build: (object, state) => this.#build(object, state),
      });
    } catch (cause) {
      if (!(cause instanceof PickleError)) throw cause;
      throw checkpointError(this.#file, `the pickle is refused: ${cause.message}`, cause);
    }
  }

  /** The named tensors of the pickled object, or of what it holds under `key`, each tied to its bytes by `open`. */
  contents(value: unknown, key: string | undefined, open: (storage: Storage) => StoredRun): CheckpointContents {
    const isTensor = (item: unknown) => item instanceof TensorDescription || item instanceof ScriptObject;
    const chosen = value instanceof Map ? chooseDict(value, key, isTensor) : undefined;
    const runs = new Map<Storage, StoredRun>();
    const tensors = new Map<string, StoredTensor>();
    for (const [name, item] of namedTensors(this.#file, chosen?.dict ?? value)) {
      if (tensors.has(name)) throw checkpointError(this.#file, `two tensors are named ${name}`);
      const { storage, offset, shape, strides } = item;
      this.#checkView(name, item);
      const run = runs.get(storage) ?? open(storage);
      runs.set(storage, run);
      tensors.set(name, { run, offset, shape, strides });
    }
    if (tensors.size === 0) {
      const found =
        key === undefined ? "it holds no named tensors" : `it has no named tensors under ${JSON.stringify(key)}`;
      throw checkpointError(this.#file, `${found}, only ${describe(value)}${adviceOnKeys(value, isTensor)}`);
    }
    const container = chosen?.path || undefined;
    return { format: "torch", tensors, metadata: {}, container, notes: chosen?.notes };
  }

  /** The constructor of objects of a TorchScript class, which are their attributes alone. */
  #scriptClass(module: string, name: string): PickleFunction | undefined {
    if (module !== "__torch__" && !module.startsWith("__torch__.")) return undefined;
    return () => {
      this.#budget -= BYTES_PER_DICT;
      if (this.#budget < 0) throw new PickleError("it is little but empty objects");
      return new ScriptObject(`${module}.${name}`);
    };
  }

  #build(object: unknown, state: unknown): void {
    // The attributes of an OrderedDict, such as a state_dict's _metadata, say nothing about its tensors.
    if (object instanceof Map) return;
    if (!(object instanceof ScriptObject)) throw new PickleError("it fills a state of an object that is not one");
    if (!(state instanceof Map)) {
      throw new PickleError(
        `an object of ${object.type} makes itself from a state by code, and nothing was run; ${conversion}`,
      );
    }
    object.attributes = state;
  }

  #checkView(name: string, { storage, offset, shape, strides }: TensorDescription): void {
    const span = viewSpan(shape, strides);
    if (!Number.isSafeInteger(countOf(shape)) || !Number.isSafeInteger(span) || offset + span > storage.count) {
      throw checkpointError(
        this.#file,
        `tensor ${name} with shape [${shape.join(", ")}], strides [${strides.join(", ")}] and offset ${offset} does not fit its storage of ${storage.count} elements`,
      );
    }
  }

  #orderedDict([items = []]: readonly unknown[]): Map<unknown, unknown> {
    if (!Array.isArray(items)) throw new PickleError("an OrderedDict is not made from pairs");
    this.#budget -= items.length + BYTES_PER_DICT;
    if (this.#budget < 0) throw new PickleError("it copies more than it holds");
    return new Map(
      items.map((item): [unknown, unknown] => {
        if (!Array.isArray(item) || item.length !== 2) throw new PickleError("an OrderedDict is not made from pairs");
        return [item[0], item[1]];
      }),
    );
  }

  #tensor([storage, offset, shape, strides]: readonly unknown[]): TensorDescription {
    if (!(storage instanceof Storage)) throw new PickleError("a tensor has no storage");
    if (!isCount(offset) || !isShape(shape) || !isShape(strides) || shape.length !== strides.length) {
      throw new PickleError(`a tensor of storage ${storage.key} has an impossible offset, shape or strides`);
    }
    return new TensorDescription(storage, offset, shape, strides);
  }

  #storage(id: unknown): Storage {
    const [kind, type, key, , count, view] = Array.isArray(id) ? id : [];
    if (kind !== "storage" || !(type instanceof StorageType) || !isCount(count)) {
      throw new PickleError("a persistent id does not describe a storage");
    }
    if (view !== undefined && view !== null) throw new PickleError(`storage ${keyText(key)} is a view of another`);
    const name = keyText(key);
    const known = this.storages.get(name);
    if (known && (known.dtype !== type.dtype || known.count !== count)) {
      throw new PickleError(`storage ${name} is described in two ways`);
    }
    const storage = known ?? new Storage(name, type.dtype, count);
    this.storages.set(name, storage);
    return storage;
  }
}

/** Advice on how a TorchScript archive that needs its code becomes a file of tensors. */
const conversion = 'convert it with PyTorch: torch.save(torch.jit.load("FILE").state_dict(), "weights.pth")';

/** The tensors of a dict, a list or an object by name; those of objects inside it by the names of all attributes that lead there, as a state dict has it. */
function* namedTensors(file: string, value: unknown): Generator<[string, TensorDescription]> {
  const refuse = () => checkpointError(file, `its objects refer to each other in a cycle; ${conversion}`);
  let count = 0;
  // A stack of one's own: what a file says must not decide how deep calls go.
  const rest: { name: string; item: TensorDescription | ScriptObject; depth: number }[] = [];
  const enter = (items: Iterable<[unknown, unknown]>, before: string, depth: number) => {
    const found: typeof rest = [];
    for (const [key, item] of items) {
      if (++count > MOST_ATTRIBUTES) throw refuse();
      if (item instanceof TensorDescription || item instanceof ScriptObject) {
        found.push({ name: before + keyText(key), item, depth });
      }
    }
    for (const entry of found.reverse()) rest.push(entry);
  };
  if (value instanceof ScriptObject) enter(value.attributes, "", 1);
  else if (value instanceof Map || Array.isArray(value)) enter(value.entries(), "", 0);
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { name, item, depth } = next;
    if (depth > DEEPEST_MODULE || (depth > 0 && name.length > LONGEST_NAME)) throw refuse();
    if (item instanceof TensorDescription) yield [name, item];
    else enter(item.attributes, `${name}.`, depth + 1);
  }
}

function kindOf(value: unknown): string {
  if (value === null) return "None";
  if (value instanceof Map) return "dict";
  if (value instanceof TensorDescription) return "tensor";
  if (value instanceof ScriptObject) return value.type;
  return Array.isArray(value) ? "list" : typeof value;
}

function describe(value: unknown): string {
  if (!(value instanceof Map)) return `one ${kindOf(value)}`;
  return `a dict with the keys ${JSON.stringify([...value.keys()].slice(0, 8).map(keyText))}`;
}
