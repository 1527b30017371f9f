import { type Loss, lossFactories, parseLoss, Random, Tensor, toImage } from "@reconloss/core";
import { weightsEntry } from "@reconloss/core/weights";
import { type DistortionName, distortions } from "../../scripts/distortions/index.ts";
import { decode } from "./decode.ts";
import { onDevice } from "./device.ts";
import type { Answer, LossInfo, Measured, Pixels, Request, WeightedSpec } from "./messages.ts";
import { hasWeights, takeWeights } from "./weights.ts";

/** Forms without published files of losses that need some by default. */
const withoutFiles: Readonly<Record<string, string>> = {
  lpips: "lpips(net=tiny)",
  perceptual: "perceptual(net=tiny)",
  niqe: "niqe(model=tiny)",
  contextual: "contextual(taps=image,positions=1024)",
};

const post = (answer: Answer, transfer: Transferable[] = []) => self.postMessage(answer, { transfer });

/** The latest request of each kind; answers to older ones are of no use. */
const latest = new Map<string, number>();

/** Lets messages in that came meanwhile. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve));

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const needsFiles = (loss: Loss) => (loss.definition?.weights ?? []).length > 0;

/** A specification as the grammar understands it. */
function readSpec(typed: string): { typed: string; loss: Loss } | { typed: string; error: string } {
  try {
    return { typed, loss: parseLoss(typed) };
  } catch (error) {
    return { typed, error: messageOf(error) };
  }
}

/** The forms of a loss that need published files: by default, and with each of its networks that has the layers it looks at. */
function weightedSpecs({ info }: (typeof lossFactories)[number]): readonly WeightedSpec[] {
  const typed = [info.name, ...(info.options.net?.words ?? []).map((net) => `${info.name}(net=${net})`)];
  const forms = new Map(
    typed
      .map(readSpec)
      .flatMap((read) => ("loss" in read ? [[read.loss.spec, read.loss.definition?.weights ?? []]] : [])),
  );
  return [...forms]
    .filter(([, names]) => names.length > 0)
    .map(([spec, names]) => ({
      spec,
      needs: names.map((name) => {
        const { file, url } = weightsEntry(name);
        return { file, url, isHere: hasWeights(name) };
      }),
    }));
}

function describe(): readonly LossInfo[] {
  return lossFactories.map((factory) => {
    const { info } = factory;
    const spec = withoutFiles[info.name] ?? info.name;
    const loss = parseLoss(spec);
    return {
      ...{ name: info.name, summary: info.summary, source: info.source, better: info.better },
      options: Object.entries(info.options).map(([name, option]) => ({
        ...{ name, default: option.default, accepts: option.accepts, words: option.words, help: option.help },
      })),
      presets: info.presets ?? {},
      here: needsFiles(loss) ? undefined : spec,
      weighted: weightedSpecs(factory),
    };
  });
}

/** An image without its alpha. */
function planesOf({ data, width, height }: Pixels): Tensor {
  const area = width * height;
  const planes = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) planes[c * area + i] = data[4 * i + c] / 255;
  return new Tensor(planes, [1, 3, height, width]);
}

function pixelsOf({ data, shape: [, , height, width] }: Tensor): Pixels {
  const area = width * height;
  const pixels = new Uint8ClampedArray(4 * area).fill(255);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) pixels[4 * i + c] = 255 * data[c * area + i];
  return { data: pixels, width, height };
}

const read = (pixels: Pixels) => toImage(pixels, { alpha: "composite", background: "white" });

type Prepared = Awaited<ReturnType<typeof read>>;

async function measured(spec: string, output: Prepared, target: Prepared): Promise<Measured> {
  const loss = parseLoss(spec);
  const begun = performance.now();
  const { result: value, ...network } = await onDevice(loss, (options) => loss.value(output, target, options));
  const milliseconds = performance.now() - begun;
  const targetValue = loss.better === "target" ? await loss.value(target, target) : undefined;
  const { better, decimals, hasMap } = loss;
  return { spec, value, better, decimals, milliseconds, targetValue, hasMap, ...network };
}

async function measure(id: number, output: Pixels, target: Pixels, specs: readonly string[]): Promise<void> {
  const [a, b] = [await read(output), await read(target)];
  for (const spec of specs) {
    await pause();
    if (latest.get("measure") !== id) return;
    try {
      post({ id, kind: "measured", measured: await measured(spec, a, b) });
    } catch (error) {
      post({ id, kind: "failed", spec, error: messageOf(error) });
    }
  }
}

/** Every loss of every pair, pair by pair. */
async function measureFolders(id: number, { pairs, specs }: Extract<Request, { kind: "folders" }>): Promise<void> {
  for (const [pair, { output, target }] of pairs.entries()) {
    const images = Promise.all([output, target].map(async (file) => read(await decode(file, file.name))));
    for (const spec of specs) {
      await pause();
      if (latest.get("folders") !== id) return;
      const result = await images
        .then(([a, b]) => measured(spec, a, b))
        .catch((error: unknown) => ({ error: messageOf(error) }));
      post({ id, kind: "pair", pair, spec, result });
    }
  }
}

async function errorMap(id: number, output: Pixels, target: Pixels, spec: string): Promise<void> {
  const { data, shape } = await parseLoss(spec).map(await read(output), await read(target));
  const [, channels, height, width] = shape;
  const area = width * height;
  const plane = new Float32Array(area);
  for (let i = 0; i < data.length; i++) plane[i % area] += data[i] / channels;
  post({ id, kind: "map", map: { data: plane, width, height } }, [plane.buffer]);
}

function distorted(image: Tensor, name: string, strength: number, seed: number): Tensor {
  return distortions[name as DistortionName](image, strength, new Random(seed));
}

async function respond(id: number, request: Extract<Request, { kind: "respond" }>): Promise<void> {
  const target = planesOf(request.image);
  for (const strength of request.strengths) {
    const output = distorted(target, request.distortion, strength, request.seed);
    for (const spec of request.specs) {
      await pause();
      if (latest.get("respond") !== id) return;
      const loss = parseLoss(spec);
      const { result: value } = await onDevice(loss, (options) => loss.value(output, target, options)).catch(() => ({
        result: undefined,
      }));
      post({ id, kind: "response", response: { spec, strength, value } });
    }
  }
}

/** Optimises pixels by Adam under a loss, until it is stopped. */
async function descend(id: number, request: Extract<Request, { kind: "descend" }>): Promise<void> {
  const target = planesOf(request.target);
  const random = new Random(1);
  const start = target.data.map(() => (request.start === "noise" ? random.uniform() : 0.5));
  const output = new Tensor(start, target.shape);
  const loss = parseLoss(request.spec);
  const into = Tensor.full(target.shape, 0);
  const [first, second] = [new Float32Array(start.length), new Float32Array(start.length)];
  let shown = 0;
  for (let step = 1; latest.get("descend") === id; step++) {
    const begun = performance.now();
    const { result } = await onDevice(loss, (options) => loss.valueAndGrad(output, target, { ...options, into }));
    const { value, grad } = result;
    const [bias1, bias2] = [1 - 0.9 ** step, 1 - 0.999 ** step];
    for (let i = 0; i < start.length; i++) {
      const slope = grad.data[i];
      first[i] = 0.9 * first[i] + 0.1 * slope;
      second[i] = 0.999 * second[i] + 0.001 * slope * slope;
      const change = (request.learningRate * first[i]) / bias1 / (Math.sqrt(second[i] / bias2) + 1e-12);
      start[i] = Math.min(1, Math.max(0, start[i] - change));
    }
    const milliseconds = performance.now() - begun;
    if (performance.now() - shown > 40) {
      shown = performance.now();
      const image = pixelsOf(output);
      post({ id, kind: "descent", descent: { step, value, image, milliseconds } }, [image.data.buffer]);
    }
    await pause();
  }
}

async function answer(request: Request): Promise<void> {
  const { id } = request;
  switch (request.kind) {
    case "describe":
      return post({ id, kind: "losses", losses: describe(), distortions: Object.keys(distortions) });
    case "read": {
      const specs = request.specs.map(readSpec).map((read) => {
        if ("error" in read) return read;
        const { spec, name, options } = read.loss;
        return { typed: read.typed, spec, name, options };
      });
      return post({ id, kind: "specs", specs });
    }
    case "measure":
      return measure(id, request.output, request.target, request.specs);
    case "folders":
      return measureFolders(id, request);
    case "weights":
      try {
        return await takeWeights(request.files);
      } finally {
        post({ id, kind: "losses", losses: describe(), distortions: Object.keys(distortions) });
      }
    case "map":
      return errorMap(id, request.output, request.target, request.spec);
    case "distort": {
      const { image, distortion, strength, seed } = request;
      return post({ id, kind: "image", image: pixelsOf(distorted(planesOf(image), distortion, strength, seed)) });
    }
    case "respond":
      return respond(id, request);
    case "descend":
      return descend(id, request);
    case "stop":
      latest.delete("descend");
  }
}

self.onmessage = async ({ data }: MessageEvent<Request>) => {
  latest.set(data.kind, data.id);
  try {
    await answer(data);
    post({ id: data.id, kind: "done" });
  } catch (error) {
    post({ id: data.id, kind: "failed", error: messageOf(error) });
  }
};
