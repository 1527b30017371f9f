import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { deblur } from "./deblur.ts";
import { enhance } from "./enhance.ts";
import { generate } from "./generate.ts";
import type { Colours } from "./patches.ts";
import { superResolution } from "./super-resolution.ts";
import type { Task } from "./task.ts";

/** The options of tasks; each belongs to one of them. */
export interface TaskOptions {
  /** `super-resolution`: how many times as high and wide the output is, 2 (default), 3 or 4. */
  readonly scale?: number;
  /** `generate`: side of the images, 32 (default) or 64. */
  readonly size?: number;
  /** All but `generate`: channels of the images, 3 (default), or 1 of grey photographs; of others, their luma. */
  readonly channels?: number;
}

interface Entry {
  readonly name: string;
  readonly summary: string;
  /** The options that it has. */
  readonly options: readonly (keyof TaskOptions)[];
  make(options: TaskOptions): Task;
}

/** Channels as a task takes them. */
function coloursIn(task: string, channels = 3): Colours {
  if (channels === 1 || channels === 3) return channels;
  throw new ReconlossError("invalid-argument", `${task}: channels must be 1 or 3, got ${channels}`);
}

/**
 * Everything that can be learnt.
 *
 * @example
 * ```ts
 * import { taskList } from "reconloss/tasks";
 * taskList.map(({ name }) => name); // ["super-resolution", "deblur", "enhance", "generate"]
 * ```
 */
export const taskList: readonly Entry[] = [
  {
    name: "super-resolution",
    summary: "upscale small photographs",
    options: ["scale", "channels"],
    make: ({ scale, channels }) => superResolution(scale, coloursIn("super-resolution", channels)),
  },
  {
    name: "deblur",
    summary: "sharpen blurred photographs",
    options: ["channels"],
    make: ({ channels }) => deblur(coloursIn("deblur", channels)),
  },
  {
    name: "enhance",
    summary: "brighten dark photographs with a colour cast",
    options: ["channels"],
    make: ({ channels }) => enhance(coloursIn("enhance", channels)),
  },
  {
    name: "generate",
    summary: "generate images like the photographs from random numbers",
    options: ["size"],
    make: ({ size }) => generate(size),
  },
];

/**
 * A task by its name.
 *
 * @throws {ReconlossError} `invalid-argument` for an unknown task, an option that it does not have, or a value that it does not take
 * @example
 * ```ts
 * import { makeTask } from "reconloss/tasks";
 * makeTask("super-resolution", { scale: 4 }).restoration?.scale; // 4
 * ```
 */
export function makeTask(name: string, options: TaskOptions = {}): Task {
  checkArguments("makeTask", { name: [name, "text"], options: [options, "object?"] });
  const entry = taskList.find((entry) => entry.name === name);
  if (entry === undefined) {
    const names = taskList.map((entry) => entry.name).join(", ");
    throw new ReconlossError("invalid-argument", `there is no task "${name}"; there are: ${names}`);
  }
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || (entry.options as readonly string[]).includes(option)) continue;
    throw new ReconlossError("invalid-argument", `${name}: this task has no ${option}`);
  }
  return entry.make(options);
}
