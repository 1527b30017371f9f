// Pickles are assembled from the opcodes of Python's pickletools, so that each hostile one is exactly what its test says.
export const ascii = (text: string) => Array.from(text, (character) => character.charCodeAt(0));
export const int = (value: number) => [0x4a, value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
export const wideInt = (value: bigint) => [0x8a, 8, ...new Uint8Array(BigInt64Array.of(value).buffer)];
export const str = (text: string) => [0x8c, text.length, ...ascii(text)];
export const global = (module: string, name: string) => [0x63, ...ascii(`${module}\n${name}\n`)];
export const tuple = (...items: number[][]) => [0x28, ...items.flat(), 0x74];
export const dict = (...items: [string, number[]][]) => [
  0x7d,
  ...items.flatMap(([key, value]) => [...str(key), ...value, 0x73]),
];
export const reduce = (callee: number[], ...parameters: number[][]) => [...callee, ...tuple(...parameters), 0x52];
export const pickle = (...parts: number[][]) => Uint8Array.from([0x80, 2, ...parts.flat(), 0x2e]);

export const storage = (key: string, count: number[], type = "FloatStorage") => [
  ...tuple(str("storage"), global("torch", type), str(key), str("cpu"), count),
  0x51,
];
export const tensor = (run: number[], offset: number[], shape: number[], strides: number[]) =>
  reduce(global("torch._utils", "_rebuild_tensor_v2"), run, offset, shape, strides, [0x89], [0x7d]);
