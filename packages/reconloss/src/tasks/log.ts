import { type FileHandle, open, readFile } from "node:fs/promises";
import { ReconlossError } from "@reconloss/core";
import { nonFiniteAsWords } from "@reconloss/core/internal";
import { reasonOf } from "../files.ts";

/** A line of the log: the state after a step. */
export interface Dated {
  readonly step: number;
}

/** Records on disk, one JSON object a line, that can be cut back to a step. Infinity and NaN are words, as JSON has none. */
export class StepLog<R extends Dated> {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #records: R[];

  private constructor(path: string, file: FileHandle, records: R[]) {
    this.#path = path;
    this.#file = file;
    this.#records = records;
  }

  /**
   * Opens a log, and cuts off what is later than `lastStep`, as well as a line that a killed program left half written.
   *
   * @param tables - the fields of a record that are numbers by name
   * @throws {ReconlossError} `file` when the file cannot be read or written; `content` when it has a whole line that is no such record, or of no
   *   later step than the one before it
   */
  static async open<R extends Dated>(
    path: string,
    lastStep: number,
    tables: readonly Extract<keyof R, string>[] = [],
  ): Promise<StepLog<R>> {
    try {
      const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return Buffer.alloc(0);
        throw error;
      });
      const { records, length } = readRecords<R>(path, bytes, lastStep, tables);
      const file = await open(path, "a");
      await file.truncate(length);
      return new StepLog(path, file, records);
    } catch (cause) {
      if (cause instanceof ReconlossError) throw cause;
      throw new ReconlossError("file", `cannot open ${path}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** All records, in order. */
  get records(): readonly R[] {
    return this.#records;
  }

  /** @throws {ReconlossError} `file` when it cannot be written, such as to a full disk */
  async append(record: R): Promise<void> {
    await this.#file.appendFile(`${JSON.stringify(record, nonFiniteAsWords)}\n`).catch((cause) => {
      throw new ReconlossError("file", `cannot write ${this.#path}: ${reasonOf(cause)}`, { cause });
    });
    this.#records.push(record);
  }

  /** @throws {ReconlossError} `file` when what was appended does not reach the disk */
  async flush(): Promise<void> {
    await this.#file.sync().catch((cause) => {
      throw new ReconlossError("file", `cannot write ${this.#path}: ${reasonOf(cause)}`, { cause });
    });
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Values that JSON has no numbers for; null, as older versions wrote, stands for any of them. */
const words = new Map<unknown, number>([
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
  ["NaN", Number.NaN],
  [null, Number.NaN],
]);

const fromWord = (_: string, value: unknown) => words.get(value) ?? value;

const isNumber = (value: unknown) => typeof value === "number";

/** Numbers by name. `__proto__` is a name of no number, and would be lost where the table is copied. */
const isTable = (value: unknown) =>
  isObject(value) && !Object.hasOwn(value, "__proto__") && Object.values(value).every(isNumber);

function parseRecord(line: Uint8Array, tables: readonly string[]): (Fields & Dated) | undefined {
  let record: unknown;
  try {
    record = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line), fromWord);
  } catch {
    return undefined;
  }
  if (!isObject(record) || !Number.isSafeInteger(record.step)) return undefined;
  const fits = Object.entries(record).every(([name, value]) =>
    tables.includes(name) ? isTable(value) : isNumber(value),
  );
  return fits && tables.every((name) => Object.hasOwn(record, name)) ? (record as Fields & Dated) : undefined;
}

/** The records up to a step, and how many bytes they take. What follows the last line's end was being written when the program was killed. */
function readRecords<R extends Dated>(
  path: string,
  bytes: Buffer,
  lastStep: number,
  tables: readonly string[],
): { records: R[]; length: number } {
  const records: R[] = [];
  let length = 0;
  for (let end = bytes.indexOf("\n"); end >= 0; end = bytes.indexOf("\n", length)) {
    const before = records.at(-1)?.step ?? -1;
    const record = parseRecord(bytes.subarray(length, end), tables);
    if (record === undefined || record.step <= before) {
      throw new ReconlossError(
        "content",
        `${path}: line ${records.length + 1} is not a record of a training; remove it`,
      );
    }
    if (record.step > lastStep) break;
    records.push(record as R & Fields);
    length = end + 1;
  }
  return { records, length };
}
