import { ReconlossError } from "@reconloss/core";
import { checkFields, checkKind, checkStatisticsKind, type Npz, readNpz, writeNpz } from "@reconloss/core/internal";
import type { Protocol, Statistics } from "@reconloss/core/metrics";
import type { ByteSource } from "@reconloss/core/weights";
import { writeFileAtomically } from "../files.ts";
import { fileSource } from "../weights/open.ts";

/** The contents of a statistics file. */
export interface StatisticsFile {
  /** Of FID's features: `mu` and `sigma`. */
  readonly fid: Statistics;
  /** Of sFID's features: `mu_s` and `sigma_s`, as in the ADM evaluator's files. */
  readonly sfid?: Statistics;
  /** The protocol by which they were made; files from elsewhere have none. */
  readonly protocol?: Protocol;
}

/**
 * Reads a statistics file: pytorch-fid's (`mu`, `sigma`), the ADM evaluator's (also `mu_s`, `sigma_s`) or one of ours, which says besides how many
 * images it is from and how they were resized.
 *
 * @throws {ReconlossError} `file` when it is missing; `content` when it is damaged, or holds no such arrays; `shape` when mean and covariance do not fit each other;
 *   `non-finite` when they hold NaN or infinity
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { readStatistics, writeStatistics } from "reconloss/distribution";
 * const path = join(await mkdtemp(join(tmpdir(), "reconloss-")), "reals.npz");
 * const covariance = { rows: 1, columns: 1, data: Float64Array.of(4) };
 * await writeStatistics(path, { fid: { count: 100, mean: Float64Array.of(1), covariance } });
 * const { fid } = await readStatistics(path);
 * fid.count; // 100
 * ```
 */
export async function readStatistics(path: string): Promise<StatisticsFile> {
  checkKind("path", path, "string");
  return withSource(path, async (source) => statisticsIn(path, await readNpz(source)));
}

/** Opens a file, uses it and closes it. */
async function withSource<T>(path: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const source = await fileSource(path);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

/** The statistics among the arrays of an archive. */
export async function statisticsIn(path: string, archive: Npz): Promise<StatisticsFile> {
  if (!archive.has("mu") || !archive.has("sigma")) {
    const names = archive.names.join(", ") || "none";
    throw new ReconlossError("content", `${path}: statistics need the arrays mu and sigma; it has: ${names}`);
  }
  const count = archive.has("count") ? await countIn(archive) : undefined;
  if (count !== undefined && !(Number.isInteger(count) && count >= 2)) {
    throw new ReconlossError("content", `${path}: count must be at least 2 images, got ${count}`);
  }
  const hasSpatial = archive.has("mu_s") && archive.has("sigma_s");
  const protocol = archive.has("protocol") ? await protocolIn(archive) : undefined;
  return {
    fid: await pairOf(archive, "mu", "sigma", count),
    ...(hasSpatial ? { sfid: await pairOf(archive, "mu_s", "sigma_s", count) } : {}),
    ...(protocol ? { protocol } : {}),
  };
}

/** The number of images, where an array of that name is one number: other programs may have another use for it. */
async function countIn(archive: Npz): Promise<number | undefined> {
  const array = await archive.array("count").catch(ignoreDamage);
  return array?.shape.length === 0 ? (await array.values())[0] : undefined;
}

async function protocolIn(archive: Npz): Promise<Protocol | undefined> {
  const array = await archive.array("protocol").catch(ignoreDamage);
  if (array?.header.type !== "uint8" || array.shape.length !== 1 || array.shape[0] > 65536) return undefined;
  const text = new TextDecoder().decode(Uint8Array.from(await array.values()));
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Protocol) : undefined;
  } catch {
    return undefined;
  }
}

function ignoreDamage(error: unknown): undefined {
  if (!(error instanceof ReconlossError) || error.code !== "content") throw error;
}

async function pairOf(archive: Npz, meanName: string, covarianceName: string, count?: number) {
  const [means, covariances] = [await archive.array(meanName), await archive.array(covarianceName)];
  const d = means.shape[0];
  if (means.shape.length !== 1 || d < 1) {
    throw new ReconlossError("shape", `${means.name} must be a vector, got ${means.shape.join("x") || "one number"}`);
  }
  if (covariances.shape.length !== 2 || covariances.shape.some((size) => size !== d)) {
    throw new ReconlossError(
      "shape",
      `${covariances.name} must be ${d}x${d} as ${meanName} has ${d} values, got ${covariances.shape.join("x")}`,
    );
  }
  const [mean, data] = [await means.values(), await covariances.values()];
  for (const [array, values] of [
    [means, mean],
    [covariances, data],
  ] as const) {
    const broken = values.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) throw new ReconlossError("non-finite", `${array.name} has ${values[broken]} at element ${broken}`);
  }
  refuseAsymmetry(covariances.name, data, d);
  return { count, mean, covariance: { rows: d, columns: d, data } };
}

/** Both triangles must agree to float32 rounding, and variances cannot be negative. */
function refuseAsymmetry(name: string, data: Float64Array, d: number): void {
  let largest = 0;
  for (let i = 0; i < d; i++) {
    if (data[i * (d + 1)] < 0) throw new ReconlossError("content", `${name}: variance ${i} is ${data[i * (d + 1)]}`);
    largest = Math.max(largest, data[i * (d + 1)]);
  }
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < i; j++) {
      if (Math.abs(data[i * d + j] - data[j * d + i]) > 1e-5 * largest) {
        throw new ReconlossError("content", `${name} is not a covariance: elements ${i},${j} and ${j},${i} differ`);
      }
    }
  }
}

/** The bytes of a statistics file; pytorch-fid, clean-fid and the ADM evaluator read it too. */
export function statisticsBytes({ fid, sfid, protocol }: StatisticsFile): Uint8Array {
  const vector = (data: Float64Array) => ({ data, shape: [data.length] });
  const square = ({ covariance }: Statistics) => ({
    data: covariance.data,
    shape: [covariance.rows, covariance.columns],
  });
  const text = new TextEncoder().encode(JSON.stringify(protocol ?? {}));
  return writeNpz({
    mu: vector(fid.mean),
    sigma: square(fid),
    ...(sfid ? { mu_s: vector(sfid.mean), sigma_s: square(sfid) } : {}),
    ...(fid.count === undefined ? {} : { count: { data: Float64Array.of(fid.count), shape: [] } }),
    ...(protocol ? { protocol: { data: text, shape: [text.length] } } : {}),
  });
}

/**
 * Writes a statistics file that {@link readStatistics}, pytorch-fid and the ADM evaluator read, whole or not at all.
 *
 * @throws {ReconlossError} `file` when it cannot be written
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeStatistics } from "reconloss/distribution";
 * import { Moments } from "reconloss/metrics";
 * const moments = new Moments();
 * moments.update(Tensor.from([0, 1, 2], [3, 1, 1, 1]));
 * const path = join(await mkdtemp(join(tmpdir(), "reconloss-")), "reals.npz");
 * await writeStatistics(path, { fid: moments.statistics(), protocol: { network: "mine" } });
 * ```
 */
export async function writeStatistics(path: string, file: StatisticsFile): Promise<void> {
  checkKind("path", path, "string");
  checkFields("file", file, { protocol: "object" });
  checkStatisticsKind("file.fid", file.fid);
  if (file.sfid !== undefined) checkStatisticsKind("file.sfid", file.sfid);
  await writeFileAtomically(path, statisticsBytes(file));
}
