import type { Tensor } from "../tensor.ts";
import { type Arena, arenaOf } from "./arena.ts";
import { loadedKernels, loadKernels, loadKernelsIn } from "./load.ts";
import type { Kernels } from "./module.ts";
import { isShared, poolWorkers } from "./pool.ts";
import {
  dimensions,
  joinExtremes,
  type NotedExtremes,
  planarRows,
  type Rows,
  rowsOf,
  type WritableRows,
} from "./rows.ts";
import { runStrip, type StripJob, type StripResult } from "./strips/run.ts";
import type { StripKernel } from "./strips/strip.ts";
import type { KernelImage, StripSpec } from "./types.ts";

/** A batch, and where its results go. */
export interface KernelTask {
  readonly output: KernelImage;
  readonly target?: KernelImage;
  /** The factor of the score of each place and of its gradient: [n or 1, 1 or c, map height, map width]. */
  readonly weight?: Tensor;
  /** Float32 planes of the output's shape. */
  readonly grad?: Float32Array;
  /** Float32 planes [n, 1, map height, map width], or more of them where the kernel makes more. */
  readonly map?: Float32Array;
}

/** A batch for a strip kernel. */
export interface StripTask extends KernelTask {
  readonly kernel: StripKernel;
  readonly spec: StripSpec;
  /** Whether the images' extremes are not wanted: those of planes that other passes made, or images that were read before. */
  readonly unnoted?: boolean;
  /** The pass that makes, of one image, what this one reads. It is done first, or meanwhile: other threads start with what there is. */
  readonly after?: StripTask;
}

/** The results of a batch. */
export interface TiledResult {
  /** The sums of each image's strips. */
  readonly sums: Float64Array[];
  /** The extremes of the whole batch. */
  readonly extremes: NotedExtremes;
}

/** Below this much arithmetic (samples times the kernel's weight) a second thread costs more than it brings. */
const pooledWork = 2 ** 23;

/** The same where nothing has to be copied to it, since all threads see it. */
const pooledInPlace = 2 ** 20;

/** Below this, everything is done before promises could be made for it. */
const atOnceWork = 2 ** 17;

/** The arithmetic of a batch, in samples times the kernel's weight. */
function workOf({ kernel, output, target, weight, grad, map }: StripTask): number {
  const { count, planes } = dimensions(output);
  const ofBytes = !(weight || grad || map) && [output, target].every((image) => image?.data.BYTES_PER_ELEMENT === 1);
  return count * planes[0] * planes[1] * planes[2] * ((ofBytes && kernel.byteWeight) || kernel.weight);
}

type Worker = ReturnType<typeof poolWorkers>[number];

/** Jobs in a worker's hands: one at work, one waiting, so that it need not wait for the calling thread. */
const jobsAhead = 2;

/** The time that the calling thread computes before it lets other work have a turn, in milliseconds. */
const turnLength = 12;

/** The means of a host to let other work have a turn: Node the first, browsers the second. */
interface Host {
  setImmediate?(task: () => void): void;
  MessageChannel: new () => { port1: Port; port2: Port };
}

interface Port {
  onmessage: (() => void) | null;
  postMessage(message: null): void;
  close(): void;
}

/** Resolves after the event loop has gone round once. */
function nextTurn(): Promise<void> {
  const { setImmediate, MessageChannel } = globalThis as unknown as Host;
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Resolves when all of some work has ended; the first failure calls `stop` and is thrown then, when nothing is written any more. */
async function allEnded(work: readonly Promise<void>[], stop: () => void): Promise<void> {
  const outcomes = await Promise.allSettled(
    work.map((part) =>
      part.catch((error) => {
        stop();
        throw error;
      }),
    ),
  );
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/**
 * Runs a strip kernel over every image of a batch, in this thread and, for large images, in the pool's. The sums of an image's strips are
 * added in the order of the strips.
 */
export async function runTiled(task: StripTask): Promise<TiledResult> {
  const kernels = loadedKernels();
  if (kernels && workOf(task.after ?? task) < atOnceWork) return runTiledSync(kernels, task);
  const arena = arenaFor(task);
  if (arena === undefined) return runStrips(task);
  // One after the other: kernels keep numbers of their own in memory.
  const result = arena.last.then(() => runStrips(task, arena));
  arena.last = result.catch(() => {});
  return result;
}

/** The same in this thread alone and at once, to the same bits. */
export function runTiledSync(kernels: Kernels, task: StripTask): TiledResult {
  const before = task.after && runTiledSync(kernels, task.after);
  const results = jobsOf(task).map((job) => runStrip(kernels, job));
  return joined(task, results, before);
}

/** The memory that a kernel can work in without copies. */
function arenaFor({ kernel, output, target, weight, grad, map }: StripTask): Arena | undefined {
  const images = target === undefined ? [output] : [output, target];
  if (weight || !kernel.inPlace || map) return undefined;
  // Vectors of four reach past the end of rows that are not a multiple of it, where other gradients may be.
  if (grad && dimensions(output).planes[2] % 4 !== 0) return undefined;
  return arenaOf([...images.map(({ data }) => data), ...(grad ? [grad] : [])]);
}

/** Every strip of every image, in order. */
function jobsOf(task: StripTask, arena?: Arena): StripJob[] {
  const { kernel, spec, output, target, weight, grad, map, unnoted } = task;
  const { count, planes } = dimensions(output);
  const strips = kernel.strips(spec, planes);
  const placed = <R extends Rows>(rows: R): R => (arena ? { ...rows, address: rows.data.byteOffset } : rows);
  const jobs: StripJob[] = [];
  for (let image = 0; image < count; image++) {
    const data = {
      output: placed(rowsOf(output, image, unnoted ? undefined : "output")),
      target: target && placed(rowsOf(target, image, unnoted ? undefined : "target")),
      grad: grad && placed(planarRows(grad, planes, image)),
      weight: weight && rowsOf(weight, weight.shape[0] === 1 ? 0 : image),
      map: map && mapRows(map, count, kernel.mapSize(spec, planes)!, image),
    };
    for (const strip of strips) jobs.push({ kernel, spec, planes, strip, data });
  }
  return jobs;
}

/** The number of strips of the pass before that a job needs what they make of. */
function needsOf({ kernel, spec, planes, strip }: StripJob, { kernel: maker, spec: made, output }: StripTask): number {
  const { planes: fine } = dimensions(output);
  const end = Math.max(...[kernel.sourceRows, kernel.targetRows].map((rows) => rows?.(spec, planes, strip)[1] ?? 0));
  return maker.strips(made, fine).findIndex((own) => maker.mapRows(made, fine, own)[1] >= end) + 1;
}

/** The results of a batch from those of its strips, and those of the pass before. */
function joined({ output }: StripTask, results: readonly StripResult[], before?: TiledResult): TiledResult {
  const { count } = dimensions(output);
  const strips = results.length / count;
  const sums = Array.from({ length: count }, (_, image) => {
    const [first, ...rest] = results.slice(image * strips, (image + 1) * strips);
    const total = first.sums.slice();
    for (const { sums } of rest) for (let i = 0; i < total.length; i++) total[i] += sums[i];
    return total;
  });
  return {
    sums,
    extremes: results.reduce(
      (joined: NotedExtremes, { extremes }) => joinExtremes(joined, extremes),
      before?.extremes ?? {},
    ),
  };
}

/** Whether threads can work on all that a task reads and writes where it lies. */
function isInPlace({ output, target, weight, grad, map }: StripTask, arena?: Arena): boolean {
  // A memory that threads cannot share, as in pages without isolation, cannot be given to them at all.
  if (arena) return arena.shared;
  return [output.data, target?.data, weight?.data, grad, map].every((data) => data === undefined || isShared(data));
}

/** Whether other threads bring more than they cost: what only reads and writes brings nothing where they need copies. */
function isPooled(task: StripTask, arena?: Arena): boolean {
  if (isInPlace(task, arena)) return workOf(task) >= pooledInPlace;
  return !arena && workOf(task) >= pooledWork && task.kernel.weight > 1;
}

async function runStrips(task: StripTask, arena?: Arena): Promise<TiledResult> {
  const kernels = await (arena ? loadKernelsIn(arena) : loadKernels());
  const all = jobsOf(task, arena);
  const workers = all.length > 1 && isPooled(task, arena) ? poolWorkers() : [];
  const inPlace = workers.length > 0 && isInPlace(task, arena);
  const { after } = task;
  const isMeanwhile = inPlace && after !== undefined && !isPooled(after);
  const earlier = after && !isMeanwhile ? await runTiled(after) : undefined;
  const making = after && isMeanwhile ? jobsOf(after) : [];
  const jobs = making.length > 0 ? all.map((job) => ({ ...job, needs: needsOf(job, after as StripTask) })) : all;
  const made: StripResult[] = [];
  const results: StripResult[] = new Array(jobs.length);
  if (arena) await Promise.all(workers.map((worker, index) => worker.introduce(arena, kernels, index + 1)));
  // Threads that see everything take the next job themselves, each its first by its number, so that nobody waits for a message.
  const counters = inPlace ? new Int32Array(new SharedArrayBuffer(8)) : new Int32Array(2);
  counters[0] = inPlace ? workers.length : 0;
  const take = () => Atomics.add(counters, 0, 1);
  const progress = (strips: number) => {
    Atomics.store(counters, 1, strips);
    Atomics.notify(counters, 1);
  };
  const share = async (worker: Worker, first: number): Promise<void> => {
    for (const [index, result] of await worker.runAll(kernels, jobs, counters, first, arena)) results[index] = result;
  };
  const feed = async (worker: Worker): Promise<void> => {
    for (let index = take(); index < jobs.length; index = take()) {
      const result = await worker.run(kernels, jobs[index]);
      if (result) results[index] = result;
      // Of few that are long, none may wait for a thread while another has nothing to do.
      if (!result || task.kernel.fewStrips) return;
    }
  };
  const here = async (): Promise<void> => {
    let turn = performance.now();
    const rest = async (): Promise<void> => {
      if ((workers.length === 0 || inPlace) && performance.now() - turn <= turnLength) return;
      await nextTurn();
      turn = performance.now();
    };
    for (const job of making) {
      made.push(runStrip(kernels, job));
      progress(made.length);
      await rest();
    }
    for (let index = take(); index < jobs.length; index = take()) {
      results[index] = runStrip(kernels, jobs[index]);
      await rest();
    }
  };
  const ahead = task.kernel.fewStrips ? Math.max(1, Math.floor(jobs.length / (workers.length + 1))) : jobsAhead;
  const elsewhere = inPlace ? workers.map(share) : Array.from({ length: ahead }, () => workers.map(feed)).flat();
  await allEnded([...elsewhere, here()], () => {
    counters[0] = jobs.length;
    progress(making.length);
  });
  // What a worker could not do is done here, where a failure has a stack to show.
  for (const [index, job] of jobs.entries()) results[index] ??= runStrip(kernels, job);
  return joined(task, results, after && isMeanwhile ? joined(after, made) : earlier);
}

function mapRows(data: Float32Array, count: number, size: readonly [number, number], image: number): WritableRows {
  const [height, width] = size;
  return planarRows(data, [data.length / (count * height * width), height, width], image);
}
