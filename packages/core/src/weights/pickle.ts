/** A function that a pickle may call, such as the one that rebuilds a tensor. */
export type PickleFunction = (parameters: readonly unknown[]) => unknown;

/** The globals that a pickle may reach; all throw for anything not on their list. */
export interface PickleHooks {
  /** The meaning of a Python global: a {@link PickleFunction}, or an inert value that is only passed on. */
  global(module: string, name: string): unknown;
  /** The object that a persistent id stands for. */
  persistent(id: unknown): unknown;
  /** Gives an object its state; throws for anything that takes none. */
  build(object: unknown, state: unknown): void;
}

/** A pickle that does not follow the rules, or needs more than they allow. */
export class PickleError extends Error {}

/** A pickle that goes on after the bytes at hand. */
export class PickleTruncated extends PickleError {}

/** Opcodes by their byte. Names are those of Python's `pickletools`; what is not here is refused. */
const opcodes = new Map(
  Object.entries({
    PROTO: 0x80,
    FRAME: 0x95,
    STOP: 0x2e,
    MARK: 0x28,
    POP: 0x30,
    POP_MARK: 0x31,
    DUP: 0x32,
    NONE: 0x4e,
    NEWTRUE: 0x88,
    NEWFALSE: 0x89,
    BININT: 0x4a,
    BININT1: 0x4b,
    BININT2: 0x4d,
    LONG1: 0x8a,
    BINFLOAT: 0x47,
    BINUNICODE: 0x58,
    SHORT_BINUNICODE: 0x8c,
    BINSTRING: 0x54,
    SHORT_BINSTRING: 0x55,
    BINBYTES: 0x42,
    SHORT_BINBYTES: 0x43,
    EMPTY_TUPLE: 0x29,
    TUPLE1: 0x85,
    TUPLE2: 0x86,
    TUPLE3: 0x87,
    TUPLE: 0x74,
    EMPTY_LIST: 0x5d,
    APPEND: 0x61,
    APPENDS: 0x65,
    EMPTY_DICT: 0x7d,
    SETITEM: 0x73,
    SETITEMS: 0x75,
    EMPTY_SET: 0x8f,
    ADDITEMS: 0x90,
    BINPUT: 0x71,
    LONG_BINPUT: 0x72,
    MEMOIZE: 0x94,
    BINGET: 0x68,
    LONG_BINGET: 0x6a,
    GLOBAL: 0x63,
    STACK_GLOBAL: 0x93,
    BINPERSID: 0x51,
    REDUCE: 0x52,
    NEWOBJ: 0x81,
    BUILD: 0x62,
  }).map(([name, byte]) => [byte, name] as const),
);

/** Most bytes that an integer may have: PyTorch's magic number has ten. */
const LONGEST_INTEGER = 16;
/** Fewest bytes of pickle for each dict or set in it. Real ones have fifteen and more; without a limit, one byte would cost a hundred. */
export const BYTES_PER_DICT = 8;
const MARK = Symbol("mark");
const utf8 = new TextDecoder();
const latin1 = new TextDecoder("latin1");

/**
 * Interprets one pickle (protocols 2 to 5) without running anything: it can build numbers, texts, arrays (for lists and tuples), Maps (for
 * dicts) and Sets, and whatever the hooks give. It has no recursion, and no step costs more than a few times the bytes it read.
 *
 * @returns the value, and the position after the pickle.
 * @throws {PickleError} naming the opcode or the global that is not allowed; {@link PickleTruncated} when the bytes end too early.
 */
export function unpickle(bytes: Uint8Array, start: number, hooks: PickleHooks): { value: unknown; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let position = start;
  let dicts = 0;

  const advance = (length: number): number => {
    if (position + length > bytes.length) throw new PickleTruncated(`the pickle ends within its byte ${position}`);
    position += length;
    return position - length;
  };
  const text = (length: number, decoder = utf8): string => {
    const from = advance(length);
    return decoder.decode(bytes.subarray(from, from + length));
  };
  const line = (): string => {
    const end = bytes.indexOf(0x0a, position);
    if (end < 0) throw new PickleTruncated(`the pickle ends within its byte ${position}`);
    const content = text(end - position);
    position = end + 1;
    return content;
  };
  const integer = (length: number): number | bigint => {
    if (length > LONGEST_INTEGER) throw new PickleError(`an integer of ${length} bytes`);
    const from = advance(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[from + i]);
    value = BigInt.asIntN(8 * length, value);
    return BigInt(Number(value)) === value ? Number(value) : value;
  };
  const pop = (): unknown => {
    if (stack.length === 0) throw new PickleError("it takes from an empty stack");
    const value = stack.pop();
    if (value === MARK) throw new PickleError("it takes a mark for a value");
    return value;
  };
  const popToMark = (): unknown[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) throw new PickleError("it looks for a mark that is not there");
    const values = stack.splice(mark);
    values.shift();
    return values;
  };
  const popMany = (count: number): unknown[] => Array.from({ length: count }, pop).reverse();
  const top = <T>(kind: abstract new (...parameters: never[]) => T, what: string): T => {
    const value = stack.at(-1);
    if (!(value instanceof kind)) throw new PickleError(`it fills a ${what} that is not one`);
    return value;
  };
  const put = (index: number): void => {
    if (stack.length === 0) throw new PickleError("it remembers from an empty stack");
    memo.set(index, stack.at(-1));
  };
  const get = (index: number): void => {
    if (!memo.has(index)) throw new PickleError(`it recalls entry ${index}, which it never stored`);
    stack.push(memo.get(index));
  };
  const counted = <T>(container: T): T => {
    if (++dicts * BYTES_PER_DICT > bytes.length + 1024) throw new PickleError("it is little but empty dicts");
    return container;
  };
  const setItems = (values: unknown[]): void => {
    const map = top(Map, "dict");
    if (values.length % 2) throw new PickleError("a dict has a key without a value");
    for (let i = 0; i < values.length; i += 2) map.set(values[i], values[i + 1]);
  };
  const call = (): void => {
    const [callee, parameters] = popMany(2);
    if (typeof callee !== "function") throw new PickleError("it calls something that is not a function");
    if (!Array.isArray(parameters)) throw new PickleError("it calls a function without a tuple of arguments");
    stack.push((callee as PickleFunction)(parameters));
  };

  for (;;) {
    const byte = bytes[advance(1)];
    const opcode = opcodes.get(byte);
    switch (opcode) {
      case "STOP": {
        const value = pop();
        if (stack.length > 0) throw new PickleError("it stops with values left over");
        return { value, end: position };
      }
      case "PROTO": {
        const protocol = bytes[advance(1)];
        if (protocol > 5) throw new PickleError(`pickle protocol ${protocol}`);
        break;
      }
      case "FRAME":
        advance(8);
        break;
      case "MARK":
        stack.push(MARK);
        break;
      case "POP":
        stack.pop();
        break;
      case "POP_MARK":
        popToMark();
        break;
      case "DUP": {
        const value = pop();
        stack.push(value, value);
        break;
      }
      case "NONE":
        stack.push(null);
        break;
      case "NEWTRUE":
        stack.push(true);
        break;
      case "NEWFALSE":
        stack.push(false);
        break;
      case "BININT":
        stack.push(view.getInt32(advance(4), true));
        break;
      case "BININT1":
        stack.push(bytes[advance(1)]);
        break;
      case "BININT2":
        stack.push(view.getUint16(advance(2), true));
        break;
      case "LONG1":
        stack.push(integer(bytes[advance(1)]));
        break;
      case "BINFLOAT":
        stack.push(view.getFloat64(advance(8), false));
        break;
      case "BINUNICODE":
        stack.push(text(view.getUint32(advance(4), true)));
        break;
      case "SHORT_BINUNICODE":
        stack.push(text(bytes[advance(1)]));
        break;
      case "BINSTRING":
        stack.push(text(view.getUint32(advance(4), true), latin1));
        break;
      case "SHORT_BINSTRING":
        stack.push(text(bytes[advance(1)], latin1));
        break;
      case "BINBYTES":
      case "SHORT_BINBYTES": {
        const length = opcode === "BINBYTES" ? view.getUint32(advance(4), true) : bytes[advance(1)];
        const from = advance(length);
        stack.push(bytes.slice(from, from + length));
        break;
      }
      case "EMPTY_TUPLE":
      case "EMPTY_LIST":
        stack.push([]);
        break;
      case "TUPLE1":
        stack.push(popMany(1));
        break;
      case "TUPLE2":
        stack.push(popMany(2));
        break;
      case "TUPLE3":
        stack.push(popMany(3));
        break;
      case "TUPLE":
        stack.push(popToMark());
        break;
      case "APPEND": {
        const value = pop();
        top(Array, "list").push(value);
        break;
      }
      case "APPENDS": {
        const values = popToMark();
        const list = top(Array, "list");
        for (const value of values) list.push(value);
        break;
      }
      case "EMPTY_DICT":
        stack.push(counted(new Map()));
        break;
      case "SETITEM":
        setItems(popMany(2));
        break;
      case "SETITEMS":
        setItems(popToMark());
        break;
      case "EMPTY_SET":
        stack.push(counted(new Set()));
        break;
      case "ADDITEMS": {
        const values = popToMark();
        const set = top(Set, "set");
        for (const value of values) set.add(value);
        break;
      }
      case "BINPUT":
        put(bytes[advance(1)]);
        break;
      case "LONG_BINPUT":
        put(view.getUint32(advance(4), true));
        break;
      case "MEMOIZE":
        put(memo.size);
        break;
      case "BINGET":
        get(bytes[advance(1)]);
        break;
      case "LONG_BINGET":
        get(view.getUint32(advance(4), true));
        break;
      case "GLOBAL":
        stack.push(hooks.global(line(), line()));
        break;
      case "STACK_GLOBAL": {
        const [module, name] = popMany(2);
        if (typeof module !== "string" || typeof name !== "string") throw new PickleError("a global without a name");
        stack.push(hooks.global(module, name));
        break;
      }
      case "BINPERSID":
        stack.push(hooks.persistent(pop()));
        break;
      case "REDUCE":
      case "NEWOBJ":
        call();
        break;
      case "BUILD": {
        const state = pop();
        if (stack.length === 0) throw new PickleError("it fills the state of an object that is not there");
        hooks.build(stack.at(-1), state);
        break;
      }
      default:
        throw new PickleError(`opcode 0x${byte.toString(16).padStart(2, "0")} is not allowed`);
    }
  }
}
