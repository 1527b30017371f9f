import type { Runtime } from "../runtimes/index.ts";
import { OnnxBackend } from "./onnx.ts";
import type { OnnxValue } from "./onnx-builder.ts";
import { reordered } from "./onnx-convolution.ts";
import { Ops } from "./ops.ts";

const found = new WeakMap<Runtime, Promise<number>>();

/**
 * The number of channels side by side in ONNX Runtime's layout for fast convolutions, which depends on the processor (16 with AVX-512, 8 with AVX); 0 where
 * there is no such layout. The runtime uses it by itself for kernels that it knows beforehand; for those that change, models have to ask for it by operations that are
 * its own, so it is tried out here on the CPU whether they do what they are expected to.
 */
export function blockedChannels(runtime: Runtime): Promise<number> {
  const channels = found.get(runtime) ?? tryOut(runtime).catch(() => 0);
  found.set(runtime, channels);
  return channels;
}

const channels = 64;

/** A value that no other place has. */
function numbered(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.fround(Math.sin(index)));
}

async function tryOut(runtime: Runtime): Promise<number> {
  const run = async (
    name: string,
    backend: OnnxBackend,
    inputs: Record<string, readonly [number, number, number, number]>,
  ) => {
    backend.writer.nameOutput("result", name);
    const infos = Object.entries(inputs).map(([name, dims]) => ({ name, type: "float", dims }) as const);
    const dims = ["n", "c", "h", "w"];
    const session = await runtime.createSession(backend.writer.write(infos, [{ name: "result", type: "float", dims }]));
    const feeds = Object.entries(inputs).map(([name, dims]) => {
      return [name, { data: numbered(dims.reduce((a, b) => a * b)), dims }] as const;
    });
    const { result } = await session.run(Object.fromEntries(feeds));
    await session.release();
    return result.data as Float32Array;
  };

  // Two pixels of many channels: the second pixel of the first channel comes after the first pixel of a block of channels.
  const layout = new OnnxBackend();
  const moved = await run(reordered(layout, "x"), layout, { x: [1, channels, 1, 2] });
  const block = moved.indexOf(numbered(2)[1]);
  if (block < 2 || channels % block !== 0) return 0;

  // Every kind of convolution that is written in this layout: few inputs, whole blocks, outputs that do not fill a block, and the way back.
  const inputs = {
    image: [2, 3, 3, 4],
    first: [channels, 3, 3, 3],
    middle: [channels, channels, 3, 3],
    last: [12, channels, 3, 3],
  } as const;
  const convolved = async (block: number) => {
    const backend = new OnnxBackend({ block });
    const o = new Ops(backend);
    const value = (name: keyof typeof inputs): OnnxValue => ({ name, type: "float", dims: inputs[name] });
    const scaled = (name: keyof typeof inputs) => o.mul(value(name), 0.05);
    const options = { padding: 1 };
    const wide = o.conv2d(value("image"), scaled("first"), options);
    const result = o.conv2d(o.conv2d(wide, scaled("middle"), options), scaled("last"), options);
    const back = o.convInput(o.convInput(result, scaled("last"), wide, options), scaled("middle"), wide, options);
    return run(o.add(wide, back).name, backend, inputs);
  };
  const [expected, given] = [await convolved(0), await convolved(block)];
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return expected.every((value, index) => Math.abs(value - given[index]) <= 1e-5 * largest) ? block : 0;
}
