import { ReconlossError } from "../errors.ts";
import { heapBase } from "./generated/layout.ts";
import { ownMemory, pageBytes } from "./memory.ts";
import type { NotedExtremes, Rows, WritableRows } from "./rows.ts";
import { sampleCount, sampleIndex, samples } from "./rows.ts";

/** The arguments of a kernel of strips with windows. */
type StripArguments = [
  x: number,
  y: number,
  first: number,
  height: number,
  width: number,
  from: number,
  to: number,
  sums: number,
  map: number,
  mapScale: number,
  weights: number,
  grad: number,
  gradScale: number,
  scratch: number,
];

/** The exports of all compiled modules together; addresses and sizes as documented in `assembly/`. */
export interface KernelExports {
  inspect(source: number, count: number, result: number): void;
  unpack8(source: number, step: number, planes: number, channels: number, pixels: number, stride: number): void;
  unpack16(source: number, step: number, planes: number, channels: number, pixels: number, stride: number): void;
  ssimBlocks(
    x: number,
    stepX: number,
    y: number,
    stepY: number,
    channel: number,
    width: number,
    rows: number,
    c1: number,
    c2: number,
    scratch: number,
  ): number;
  ssimBlocksScratch(width: number): number;
  sameBytes(x: number, y: number, count: number): number;
  pointwiseBytes(
    kind: number,
    x: number,
    stepX: number,
    y: number,
    stepY: number,
    channel: number,
    count: number,
    epsilon: number,
  ): number;
  pointwise(
    kind: number,
    x: number,
    y: number,
    count: number,
    epsilon: number,
    grad: number,
    gradScale: number,
    map: number,
    mapScale: number,
    weights: number,
    noteX: number,
    noteY: number,
  ): number;
  variation(
    kind: number,
    row: number,
    rows: number,
    hasBelow: boolean,
    width: number,
    epsilon: number,
    across: number,
    down: number,
    grad: number,
    carry: number,
    note: number,
  ): number;
  deltaE(
    kind: number,
    x: number,
    y: number,
    stride: number,
    count: number,
    grey: boolean,
    white: number,
    perStep: number,
    threshold: number,
    grad: number,
    gradScale: number,
    map: number,
    weights: number,
    scratch: number,
  ): number;
  deltaEScratch(): number;
  derivativesConfigure(side: number, centre: number, border: number, epsilon: number): void;
  similarityConfigure(constant: number, masking: number, mean: number, meanRest: number): void;
  derivativesScratch(width: number): number;
  derivativesStrip(kind: number, ...strip: StripArguments): void;
  edgeScratch(width: number): number;
  edgeStrip(
    x: number,
    y: number,
    first: number,
    height: number,
    width: number,
    from: number,
    to: number,
    epsilon: number,
    map: number,
    mapScale: number,
    weights: number,
    grad: number,
    gradScale: number,
    scratch: number,
  ): number;
  averageRows(
    rows: number,
    count: number,
    width: number,
    before: number,
    factor: number,
    out: number,
    means: number,
    scratch: number,
  ): void;
  toPlanes(
    channels: number,
    stride: number,
    count: number,
    weights: number,
    planes: number,
    out: number,
    outStride: number,
  ): void;
  fromPlanes(
    grad: number,
    stride: number,
    means: number,
    weights: number,
    planes: number,
    before: number,
    factor: number,
    out: number,
    count: number,
    width: number,
    scratch: number,
  ): void;
  planesScratch(width: number, means: number, factor: number): number;
  chromaticConfigure(c1: number, c2: number, c3: number, alpha: number): void;
  chromaticScratch(rows: number, width: number): number;
  chromaticStrip(
    x: number,
    y: number,
    plane: number,
    first: number,
    height: number,
    width: number,
    from: number,
    to: number,
    map: number,
    weights: number,
    grad: number,
    gradPlane: number,
    scratch: number,
  ): void;
  complexPowers(
    d: number,
    count: number,
    exponent: number,
    cosine: number,
    sine: number,
    re: number,
    im: number,
    sums: number,
  ): void;
  complexDeviations(
    re: number,
    im: number,
    count: number,
    high: number,
    low: number,
    mean: number,
    meanLow: number,
    sums: number,
  ): void;
  deviationSlopes(
    d: number,
    re: number,
    im: number,
    count: number,
    high: number,
    low: number,
    mean: number,
    meanLow: number,
    alongRe: number,
    alongIm: number,
    exponent: number,
    cosine: number,
    sine: number,
    scale: number,
  ): void;
  decimateScratch(width: number): number;
  decimateRow(
    rows: number,
    width: number,
    weights: number,
    taps: number,
    out: number,
    means: number,
    scratch: number,
  ): void;
  undecimateRow(
    grad: number,
    count: number,
    means: number,
    weights: number,
    taps: number,
    tap: number,
    out: number,
    width: number,
    scratch: number,
  ): void;
  informationConfigure(weights: number, radius: number, noise: number, least: number): void;
  informationScratch(rows: number, radius: number): number;
  informationStrip(
    x: number,
    y: number,
    first: number,
    height: number,
    width: number,
    from: number,
    to: number,
    sums: number,
    grad: number,
    scratch: number,
  ): void;
  featuresConfigure(
    phases: number,
    gradients: number,
    first: number,
    second: number,
    power: number,
    ofNegative: number,
  ): void;
  featuresScratch(rows: number, width: number): number;
  features(
    x: number,
    y: number,
    phasesX: number,
    phasesY: number,
    stride: number,
    coloured: boolean,
    height: number,
    width: number,
    sums: number,
    map: number,
    scratch: number,
  ): void;
  featuresSlopes(
    x: number,
    y: number,
    phasesX: number,
    phasesY: number,
    stride: number,
    coloured: boolean,
    height: number,
    width: number,
    mean: number,
    factor: number,
    slopes: number,
    grad: number,
    scratch: number,
  ): void;
  addFloats(to: number, from: number, count: number): void;
  phaseScratch(height: number, width: number): number;
  spectra(
    x: number,
    y: number,
    lessX: number,
    lessY: number,
    sizeX: number,
    sizeY: number,
    height: number,
    width: number,
    planH: number,
    planW: number,
    out: number,
    coefficients: number,
    scratch: number,
  ): void;
  phase(
    re: number,
    im: number,
    spread: number,
    radial: number,
    height: number,
    width: number,
    planH: number,
    planW: number,
    threshold: number,
    energy: number,
    amplitude: number,
    scratch: number,
  ): number;
  phaseSlopes(
    re: number,
    im: number,
    spread: number,
    radial: number,
    height: number,
    width: number,
    planH: number,
    planW: number,
    threshold: number,
    median: number,
    byEnergy: number,
    byAmplitude: number,
    outRe: number,
    outIm: number,
    scratch: number,
  ): void;
  planeOf(
    re: number,
    im: number,
    height: number,
    width: number,
    planH: number,
    planW: number,
    out: number,
    scratch: number,
  ): void;
  haarConfigure(constant: number, slope: number, meanExcess: number, scale: number): void;
  haarScratch(width: number): number;
  haarStrip(
    x: number,
    y: number,
    plane: number,
    colours: boolean,
    first: number,
    height: number,
    width: number,
    from: number,
    to: number,
    sums: number,
    grad: number,
    gradPlane: number,
    scratch: number,
  ): void;
  linearTable(): number;
  mix(
    planes: number,
    stride: number,
    count: number,
    red: number,
    green: number,
    blue: number,
    offset: number,
    note: number,
  ): void;
  halve(a: number, b: number, first: number, replicate: boolean, last: number, out: number, width: number): void;
  unhalve(
    grad: number,
    columns: number,
    scale: number,
    coarse: number,
    width: number,
    share: number,
    first: number,
    replicate: boolean,
    last: boolean,
  ): void;
  resizeDown(bytes: number, source: number, length: number, weights: number, taps: number, sums: number): void;
  resizeAcross(
    row: number,
    step: number,
    channels: number,
    first: number,
    weights: number,
    taps: number,
    width: number,
    white: number,
    low: number,
    high: number,
    out: number,
    stride: number,
  ): void;
  ssimConfigure(
    weights: number,
    radius: number,
    padding: number,
    border: number,
    c1: number,
    c2: number,
    covariance: number,
    onlyContrast: boolean,
    nonNegative: boolean,
  ): void;
  ssimScratch(rows: number, radius: number): number;
  ssimStrip(...strip: StripArguments): void;
  linearLight(x: number, count: number, scale: number): void;
  linearLightGradient(x: number, grad: number, count: number, scale: number): void;
  toOpponents(x: number, plane: number, count: number): void;
  opponentsGradient(x: number, plane: number, grad: number, gradPlane: number, count: number): void;
  ssimulacra2Scratch(rows: number): number;
  ssimulacra2Plane(
    x: number,
    y: number,
    first: number,
    height: number,
    width: number,
    from: number,
    to: number,
    weights: number,
    outside: number,
    shift: number,
    sums: number,
    slopes: number,
    grad: number,
    scratch: number,
  ): void;
  ssimUnpad(grad: number, from: number, to: number, height: number, width: number): void;
  clearRows(
    rows: number,
    height: number,
    width: number,
    first: number,
    count: number,
    vectors: number,
    taus: number,
  ): void;
  chaseBulges(band: number, size: number, width: number, scratch: number): void;
}

/** The names that extremes are noted under, and the bytes of a note: four lanes of least values and four of greatest. */
const notes: readonly (keyof NotedExtremes)[] = ["output", "target"];
const noteBytes = 32;

/** Planes of float32 in memory. */
export interface Planes {
  readonly address: number;
  /** From one plane to the next, in floats. */
  readonly stride: number;
}

/** The one who notes the extremes of what is read: {@link Kernels.read} as it reads, or the kernel, to which the values are at hand. */
export type Noting = "by reading" | "by the kernel";

/** Compiled modules by name, as threads are sent them. */
export type CompiledModules = Readonly<Record<string, WebAssembly.Module>>;

/**
 * Instances of compiled modules in one memory, which holds only the band at work. Memory is handed out from the bottom and taken
 * back all at once.
 */
export class Kernels {
  /** The exports of the modules that were added. */
  readonly run = {} as KernelExports;
  readonly memory: WebAssembly.Memory;
  readonly #modules: Record<string, WebAssembly.Module> = {};
  readonly #notes: number;
  readonly #bottom: number;
  /** The end of memory for bands that cannot grow. */
  readonly #end?: number;
  #top: number;
  /** The pixels that lie in the staging at an address, so that channels that are read one by one bring them once. */
  readonly #staged = new Map<number, { readonly data: Rows["data"]; readonly at: number; readonly length: number }>();
  /** All of memory: views are dear enough to be counted where a kernel is as fast as a copy. */
  #memory = new Float32Array();

  /**
   * @param memory - default: one of its own
   * @param scratch - the part of memory that bands may use; default: all that is free, and more
   */
  constructor(memory = ownMemory(), scratch?: readonly [start: number, end: number]) {
    this.memory = memory;
    this.#end = scratch?.[1];
    this.#top = Math.ceil((scratch?.[0] ?? heapBase) / 64) * 64;
    // One more than there are names: for what nobody asks about.
    this.#notes = this.bytes((notes.length + 1) * noteBytes);
    this.takeExtremes();
    this.#bottom = this.#top;
  }

  /** The modules that were added. */
  get modules(): CompiledModules {
    return this.#modules;
  }

  /** Adds modules that are not there yet. They write their first numbers into memory: nobody else may work in it meanwhile. */
  add(modules: CompiledModules): void {
    for (const [name, module] of Object.entries(modules)) {
      if (Object.hasOwn(this.#modules, name)) continue;
      const { exports } = new WebAssembly.Instance(module, { env: { memory: this.memory } });
      Object.assign(this.run, exports);
      this.#modules[name] = module;
    }
  }

  /** Takes all memory back. */
  reset(): void {
    this.#top = this.#bottom;
    this.#staged.clear();
  }

  /** The extremes noted since they were last taken. */
  takeExtremes(): NotedExtremes {
    const extremes: NotedExtremes = {};
    const memory = this.#floats;
    for (const [i, name] of notes.entries()) {
      const first = (this.#notes + i * noteBytes) / 4;
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let lane = first; lane < first + 4; lane++) {
        // `Math.min` keeps NaN.
        low = Math.min(low, memory[lane]);
        high = Math.max(high, memory[lane + 4]);
        memory[lane] = Number.POSITIVE_INFINITY;
        memory[lane + 4] = Number.NEGATIVE_INFINITY;
      }
      if (low !== Number.POSITIVE_INFINITY) extremes[name] = [low, high];
    }
    return extremes;
  }

  /** The address where a kernel notes the extremes of rows; for rows that need no note, an address that nobody reads. */
  noteOf({ noted }: Rows): number {
    return this.#notes + (noted ? notes.indexOf(noted) : notes.length) * noteBytes;
  }

  /** The address of room for this many float32 and a little slack, since vectors may reach past the end. Not cleared. */
  floats(count: number): number {
    return this.bytes(count * 4);
  }

  /** The address of a copy of numbers as float32. */
  place(values: ArrayLike<number>): number {
    const address = this.floats(values.length);
    this.view(address, values.length).set(values);
    return address;
  }

  /** The address of room for this many bytes, aligned for vectors. Not cleared. */
  bytes(count: number): number {
    const address = this.#top;
    // Addresses go beyond 2^31, where bitwise operators would make them negative.
    this.#top = Math.ceil((address + count) / 64) * 64 + 64;
    const missing = this.#top - (this.#end ?? this.memory.buffer.byteLength);
    if (missing > 0) {
      try {
        if (this.#end !== undefined) throw new Error("memory that holds tensors does not grow");
        this.memory.grow(Math.ceil(missing / pageBytes));
      } catch (cause) {
        throw new ReconlossError(
          "invalid-argument",
          `kernels: an image row is too long: ${this.#top} bytes of working memory are needed for one band`,
          { cause },
        );
      }
    }
    return address;
  }

  /** All of memory as float32. */
  get #floats(): Float32Array {
    // Memory that has grown is in another buffer.
    if (this.#memory.length === 0) this.#memory = new Float32Array(this.memory.buffer);
    return this.#memory;
  }

  /** A view of float32 in memory; valid until memory is next handed out. */
  view(address: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, count);
  }

  /** A view of float64 in memory; valid until memory is next handed out. */
  view64(address: number, count: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, count);
  }

  /**
   * Reads pixels [from, to) of channels [channels[0], channels[1]) as float32 planes `stride` floats apart.
   * Interleaved rows pass through `staging`, which has room for their samples.
   */
  read(
    rows: Rows,
    channels: readonly [number, number],
    from: number,
    to: number,
    address: number,
    stride: number,
    staging: number,
    noting: Noting = "by reading",
  ): void {
    if (rows.layout === "planar") {
      for (let channel = channels[0]; channel < channels[1]; channel++) {
        const plane = address + (channel - channels[0]) * stride * 4;
        this.#floats.set(samples(rows, channel, from, to), plane / 4);
        // Now that the values are in a cache; looking at them apart would cost as much as the simplest kernels.
        if (rows.noted && noting === "by reading") this.run.inspect(plane, to - from, this.noteOf(rows));
      }
      return;
    }
    const unpack = rows.data instanceof Uint16Array ? this.run.unpack16 : this.run.unpack8;
    const first = this.stage(rows, from, to, staging) + channels[0] * rows.data.BYTES_PER_ELEMENT;
    unpack(first, rows.step, address, channels[1] - channels[0], to - from, stride);
  }

  /** The address of the samples of interleaved pixels [from, to): where they lie, or the staging, to which they are brought unless they are there. */
  stage(rows: Rows, from: number, to: number, staging: number): number {
    const { data, address } = rows;
    const at = sampleIndex(rows, 0, from);
    if (address !== undefined) return address + at * data.BYTES_PER_ELEMENT;
    const length = sampleIndex(rows, 0, to) - at;
    const there = this.#staged.get(staging);
    if (there?.data === data && there.at === at && there.length === length) return staging;
    const memory = data instanceof Uint16Array ? Uint16Array : Uint8Array;
    new memory(this.memory.buffer, staging, length).set(data.subarray(at, at + length));
    this.#staged.set(staging, { data, at, length });
    return staging;
  }

  /** The address of staging for this many pixels of rows; 0 where they need none. */
  staging(rows: Rows, pixels: number): number {
    if (rows.layout === "planar" || rows.address !== undefined) return 0;
    return this.bytes(sampleCount(rows, pixels) * rows.data.BYTES_PER_ELEMENT);
  }

  /** Reads pixels [from, to) of one channel of planes, or of the only one that there is. */
  readChannel(rows: Rows, channel: number, from: number, to: number, address: number): void {
    this.#floats.set(samples(rows, rows.channels === 1 ? 0 : channel, from, to), address / 4);
  }

  /**
   * The address of pixels [from, to) of channels as planes, and their stride in floats: where they lie, or where {@link Kernels.read} brings them.
   */
  source(...[rows, channels, from, to, address, stride, staging, noting]: Parameters<Kernels["read"]>): Planes {
    if (!arePlanesInPlace(rows)) {
      this.read(rows, channels, from, to, address, stride, staging, noting);
      return { address, stride };
    }
    const place = rows.address! + 4 * sampleIndex(rows, channels[0], from);
    if (rows.noted && noting !== "by the kernel") {
      for (let channel = channels[0]; channel < channels[1]; channel++) {
        this.run.inspect(place + 4 * (channel - channels[0]) * rows.held, to - from, this.noteOf(rows));
      }
    }
    return { address: place, stride: rows.held };
  }

  /** The address that a channel's pixels from `from` on are to be written to: where they lie, or at an address from which {@link Kernels.write} brings them. */
  target(rows: WritableRows, channel: number, from: number, address: number): number {
    return rows.address === undefined ? address : rows.address + 4 * sampleIndex(rows, channel, from);
  }

  /** Writes pixels [from, to) of one channel, unless they are where they belong. */
  write(rows: WritableRows, channel: number, from: number, to: number, address: number): void {
    if (rows.address !== undefined && address === this.target(rows, channel, from, address)) return;
    const written = this.#floats.subarray(address / 4, address / 4 + to - from);
    rows.data.set(written, sampleIndex(rows, channel, from));
  }

  /** Writes pixels [from, to) of all channels, from planes `stride` floats apart. */
  writePlanes(rows: WritableRows, from: number, to: number, address: number, stride: number): void {
    for (let channel = 0; channel < rows.channels; channel++) {
      this.write(rows, channel, from, to, address + 4 * channel * stride);
    }
  }
}

/** Whether kernels can work on rows where they lie: float planes in their memory. */
export function arePlanesInPlace({ address, layout }: Rows): boolean {
  return address !== undefined && layout === "planar";
}

/** From one plane of so many pixels to the next, in floats: aligned for vectors of four, which may reach past the end. */
export function planeStride(pixels: number): number {
  return (pixels + 7) & ~3;
}

/** Adds up what came of pieces, by channel and piece, channel after channel, in whichever order they were computed. */
export function sumInOrder(sums: readonly (readonly number[])[]): number {
  return sums.flat().reduce((total, sum) => total + sum, 0);
}
