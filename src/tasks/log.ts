import { type FileHandle, open, readFile } from "node:fs/promises";
import { ReconlossError } from "../errors.ts";
import { reasonOf } from "../files.ts";

/** What was true after a step. */
export interface Dated {
  readonly step: number;
}

/** Records on disk, one JSON object a line, that can be cut back to a step. */
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
   * @throws {ReconlossError} `file` when the file cannot be read or written
   */
  static async open<R extends Dated>(path: string, lastStep: number): Promise<StepLog<R>> {
    try {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return "";
        throw error;
      });
      const { records, length } = readRecords<R>(text, lastStep);
      const file = await open(path, "a");
      await file.truncate(length);
      return new StepLog(path, file, records);
    } catch (cause) {
      throw new ReconlossError("file", `StepLog: cannot open ${path}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** All records, in order. */
  get records(): readonly R[] {
    return this.#records;
  }

  /** @throws {ReconlossError} `file` when it cannot be written, such as to a full disk */
  async append(record: R): Promise<void> {
    await this.#file.appendFile(`${JSON.stringify(record)}\n`).catch((cause) => {
      throw new ReconlossError("file", `StepLog: cannot write ${this.#path}: ${reasonOf(cause)}`, { cause });
    });
    this.#records.push(record);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The records up to a step, and how many bytes they take. */
function readRecords<R extends Dated>(text: string, lastStep: number): { records: R[]; length: number } {
  const records: R[] = [];
  let length = 0;
  for (const line of text.split("\n").slice(0, -1)) {
    let record: R;
    try {
      record = JSON.parse(line);
    } catch {
      break;
    }
    if (!(record?.step <= lastStep)) break;
    records.push(record);
    length += Buffer.byteLength(line) + 1;
  }
  return { records, length };
}
