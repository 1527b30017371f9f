import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-layers";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import type { Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { type GpuImages, type GpuLoss, gpuLoss } from "../../packages/core/src/webgpu/index.ts";
import { randomTensor } from "../random.ts";

// Part of a page: losses of images in buffers of a GPU.

const usage = 0x8c;

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("no WebGPU here");
  return adapter.requestDevice();
}

/** Tensors as buffers of a device. */
function upload(device: GPUDevice, { data, shape }: Tensor): GpuImages {
  const buffer = device.createBuffer({ size: data.byteLength, usage });
  device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  return { buffer, shape };
}

/** Copies a buffer to the CPU. */
async function download(device: GPUDevice, { buffer, shape }: GpuImages): Promise<number[]> {
  const size = 4 * shape.reduce((product, count) => product * count, 1);
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer as GPUBuffer, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  return Array.from(new Float32Array(staging.getMappedRange()));
}

const images = (shape: Shape) => [1, 2].map((seed) => randomTensor(shape, seed));

const known = new Map<string, GpuLoss>();
let device: Promise<GPUDevice> | undefined;

/** The functions that a test calls in the page, of which only plain values come back. */
export const inPage = {
  /** Value and gradient by buffers of a device of its own, and what was copied from the GPU until the gradient was there. */
  async evaluate(spec: string, shape: Shape, weighted = false) {
    device ??= requestDevice();
    const gpu = await device;
    const loss = known.get(spec) ?? gpuLoss(gpu, parseLoss(spec));
    known.set(spec, loss);
    const [output, target] = images(shape).map((x) => upload(gpu, x));
    const options = weighted ? { weight: upload(gpu, randomTensor([1, 1, shape[2], shape[3]], 3)) } : {};
    const read = watchReads();
    const { value, grad } = await loss.valueAndGrad(output, target, options);
    const copied = read();
    const alone = await loss.value(output, target, options);
    const data = await download(gpu, grad);
    grad.dispose();
    return { value, alone, grad: { data, shape: [...shape] }, copied };
  },
  /** The same images, that are tensors of TensorFlow.js on its device, and the gradient one as well. */
  async withTensorflow(spec: string, shape: Shape) {
    await tf.setBackend("webgpu");
    const { device } = tf.backend() as unknown as { device: GPUDevice };
    const loss = gpuLoss(device, parseLoss(spec));
    // Of what TensorFlow.js computes; it need not be done yet.
    const computed = images(shape).map(({ data }) => tf.mul(tf.tensor(data, [...shape]), 1));
    const [x, y] = computed.map((tensor) => ({ buffer: tensor.dataToGPU().buffer as GPUBuffer, shape }));
    const into = { buffer: device.createBuffer({ size: x.buffer.size, usage }), shape };
    const { value } = await loss.valueAndGrad(x, y, { into });
    const gradient = tf.tensor({ buffer: into.buffer }, [...shape]);
    const data = Array.from(await gradient.data());
    await loss.dispose();
    return { value, grad: { data, shape: [...shape] } };
  },
  /** The message of a call that is wrong. */
  async refusal(what: "gan" | "size" | "usage" | "shape" | "target" | "into") {
    const gpu = await requestDevice();
    const [output, target] = images([1, 3, 8, 8]).map((x) => upload(gpu, x));
    const small = { ...output, shape: [1, 3, 9, 9] as const };
    const unusable = { ...output, buffer: gpu.createBuffer({ size: 4 * 3 * 64, usage: 0x8 }) };
    const call = gpuLoss(gpu, parseLoss("ssim")).value;
    const calls = {
      gan: async () => gpuLoss(gpu, parseLoss("l1@5")),
      size: () => call(small, target),
      usage: () => call(unusable, target),
      shape: () => call(output, target),
      target: () => call(output),
      into: () => gpuLoss(gpu, parseLoss("l1")).valueAndGrad(output, target, { into: output }),
    };
    return (calls[what]() as Promise<unknown>).then(
      () => "",
      (error) => `${error.code}: ${error.message}`,
    );
  },
};

/** Counts the bytes of buffers that the CPU reads, until it is asked. */
function watchReads(): () => number {
  const { mapAsync } = GPUBuffer.prototype;
  let bytes = 0;
  GPUBuffer.prototype.mapAsync = function (mode, ...range) {
    if (mode === GPUMapMode.READ) bytes += this.size;
    return mapAsync.call(this, mode, ...range);
  };
  return () => {
    GPUBuffer.prototype.mapAsync = mapAsync;
    return bytes;
  };
}

Object.assign(globalThis, { inPage });
