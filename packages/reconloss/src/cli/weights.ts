import { join } from "node:path";
import { type Loss, ReconlossError } from "@reconloss/core";
import { isArchive, listNames, manifestName, parseLoss, weightsOf } from "@reconloss/core/internal";
import {
  type CheckpointOptions,
  describeStateDict,
  type WeightsEntry,
  weightsEntry,
  weightsRegistry,
} from "@reconloss/core/weights";
import { Command } from "commander";
import { weightsCache } from "../weights/folders.ts";
import {
  checkWeights,
  findWeights,
  importWeights,
  pullWeights,
  resolveWeights,
  type WeightsOptions,
  type WeightsState,
} from "../weights/locate.ts";
import { openCheckpoint } from "../weights/open.ts";
import { type PackedWeights, packWeights } from "../weights/pack.ts";
import { downloadBar } from "./download-bar.ts";
import { keyOption, weightsOption } from "./networks.ts";
import { noteNewFolder } from "./new-folder.ts";
import { plainTable } from "./table.ts";
import { coloursFor, jsonText, printable, type Terminal, widthOf } from "./terminal.ts";

interface Flags {
  json?: boolean;
  weights?: string;
}

/** The colour of each state on a terminal. */
const paints: Readonly<Record<WeightsState, "green" | "yellow" | "red">> = {
  verified: "green",
  readable: "yellow",
  damaged: "red",
  missing: "red",
};

/** Size as people write it, in megabytes or kilobytes of a thousand. */
function formatSize(bytes: number | undefined): string {
  if (bytes === undefined) return "";
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : `${Math.round(bytes / 1e3)} kB`;
}

/** A registry entry with the file that serves it, or what is wrong with that file. */
async function locationOf(entry: WeightsEntry, options: WeightsOptions) {
  try {
    const found = await findWeights(entry.name, options);
    return { ...entry, path: found?.path, from: found?.from, problem: undefined };
  } catch (error) {
    if (!(error instanceof ReconlossError)) throw error;
    return { ...entry, path: undefined, from: undefined, problem: error.message };
  }
}

/**
 * The names of all weights files that a loss needs: of a specification such as `lpips(net=alex)+l1`, of heads such as `lpips-alex`, which come with their network, or the
 * one of a network.
 *
 * @throws {ReconlossError} `invalid-argument` where no weights are called so; `syntax` for a specification that does not parse
 */
function weightsFor(text: string): readonly string[] {
  const heads = /^lpips-(\w+?)(?:-v(0\.0))?$/.exec(text);
  if (weightsRegistry.some(({ name }) => name === text) && heads === null) return [text];
  if (heads) {
    weightsEntry(text);
    return parseLoss(`lpips(net=${heads[1]},version=${heads[2] ?? "0.1"})`).definition?.weights ?? [];
  }
  const names = lossOf(text).definition?.weights ?? [];
  if (names.length > 0) return names;
  throw new ReconlossError("invalid-argument", `${text} needs no weights files`);
}

/** The loss of a specification; a word that is none is taken for a name of weights that there are not. */
function lossOf(text: string): Loss {
  try {
    return parseLoss(text);
  } catch (error) {
    if (/^[\w.-]+$/.test(text)) weightsEntry(text);
    throw error;
  }
}

/** Lists remarks on a file as the weights of a network: the group of tensors chosen in it, and differences between its tensors' names and the network's. */
async function remarksOn(path: string, name: string, options: CheckpointOptions = {}): Promise<string[]> {
  if (isArchive(weightsEntry(name))) return [];
  const known = weightsOf(name);
  const checkpoint = await openCheckpoint(path, options);
  try {
    const names = known ? describeStateDict(checkpoint, known.tensors, { ignore: known.unused }) : [];
    return [...checkpoint.notes, ...names];
  } finally {
    await checkpoint.close();
  }
}

/**
 * `reconloss weights list | pull NAME... | verify [NAME...] | import FILE --as NAME | pack NAME... -o FOLDER | path [NAME]`. Each prints a table or lines, or with
 * `--json` one JSON value.
 *
 * @param finish - takes the exit code 1 when `verify` finds weights that are damaged or missing
 */
export function weightsCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const { stdout, stderr, env } = terminal;
  const print = (text: string) => void stdout.write(`${text}\n`);
  const printJson = (value: unknown) => print(jsonText(value, 2));
  const weights = new Command("weights").description("find, download and verify published network weights");
  const add = (name: string, description: string) =>
    weights.command(name).description(description).option("--json", "print JSON");
  const addSearch = (name: string, description: string) => add(name, description).addOption(weightsOption());
  const printNotes = (remarks: readonly string[]) => {
    for (const remark of remarks) stderr.write(`${coloursFor(stderr, env).yellow("note:")} ${printable(remark)}\n`);
  };

  addSearch("list", "list all known weights, and where they are on this machine").action(async (flags: Flags) => {
    const found = await Promise.all(weightsRegistry.map((entry) => locationOf(entry, { folder: flags.weights, env })));
    if (flags.json) return printJson(found);
    const { bold, dim, red } = coloursFor(stdout, env);
    const rows = found.map(({ name, bytes, licence, path, problem }) => {
      const place = path === undefined ? dim("not on this machine") : printable(path);
      return [name, formatSize(bytes), licence, problem === undefined ? place : red(printable(problem))];
    });
    const titles = ["name", "size", "licence", "where"].map((title) => bold(title));
    print(plainTable([titles, ...rows], [1], [0, 2, 3], widthOf(stdout, env)));
  });

  addSearch("pull", "download weights into the cache")
    .argument("<names...>", "names as `reconloss weights list` shows them")
    .action(async (names: string[], flags: Flags) => {
      // A wrong name should be known before a long download, not after it.
      names.forEach(weightsEntry);
      const pulled: { name: string; path: string }[] = [];
      const bar = downloadBar(stderr);
      try {
        for (const name of names) {
          const path = await pullWeights(name, { folder: flags.weights, env, onProgress: bar.onProgress });
          bar.stop();
          pulled.push({ name, path });
          if (!flags.json) print(`${name}  ${printable(path)}`);
        }
      } finally {
        bar.stop();
      }
      if (flags.json) printJson(pulled);
    });

  addSearch("verify", "verify every byte of the weights on this machine")
    .argument("[names...]", "default: all weights on this machine")
    .action(async (names: string[], flags: Flags) => {
      const checks = [];
      for (const name of names.length > 0 ? names : weightsRegistry.map((entry) => entry.name)) {
        const check = await checkWeights(name, { folder: flags.weights, env });
        if (check.state !== "missing" || names.length > 0) checks.push(check);
        if (check.state === "readable" && check.path !== undefined) {
          printNotes((await remarksOn(check.path, name)).map((remark) => `${name}: ${remark}`));
        }
      }
      if (flags.json) printJson(checks);
      else if (checks.length === 0) print("no weights on this machine");
      else {
        const colours = coloursFor(stdout, env);
        const rows = checks.map(({ name, state, path, problem }) => {
          const file = [path, problem].filter((text) => text !== undefined).join(": ");
          return [name, colours[paints[state]](state), printable(file)];
        });
        const titles = ["name", "state", "file"].map((title) => colours.bold(title));
        print(plainTable([titles, ...rows], [1], [0, 1, 2], widthOf(stdout, env)));
      }
      if (checks.some(({ state }) => state === "damaged" || state === "missing")) finish(1);
    });

  add("import", "copy a file into the cache under the name of published weights")
    .argument("<file>", "a .pth, .pt or .safetensors file")
    .addOption(keyOption())
    .requiredOption("--as <name>", "the name, as `reconloss weights list` shows it")
    .action(async (file: string, flags: Flags & { as: string; key?: string }) => {
      const { key } = flags;
      const { path, verified } = await importWeights(file, flags.as, { env, key });
      if (!verified) printNotes(await remarksOn(file, flags.as, { key }));
      if (flags.json) return printJson({ name: flags.as, path, verified });
      const taken = key === undefined ? "taken as it is" : `the tensors under ${key}`;
      const remark = verified ? "the published file" : `not the published bytes; ${taken}`;
      print(`${flags.as}  ${printable(path)}  ${remark}`);
    });

  addSearch("pack", "write the weights for a web page into a folder of its site")
    .argument("<names...>", 'names as `reconloss weights list` shows them, or losses such as "lpips(net=alex)"')
    .requiredOption("-o, --output <folder>", "a folder that the site serves, such as public/weights")
    .option("--half", "store half precision: half the bytes; lpips and perceptual within 0.1 %")
    .action(async (texts: string[], flags: Flags & { output: string; half?: boolean }) => {
      const names = [...new Set(texts.flatMap(weightsFor))];
      const { output, half, weights: folder } = flags;
      await noteNewFolder(join(output, manifestName), terminal);
      const bar = downloadBar(stderr);
      const packed: PackedWeights[] = [];
      const options = { folder, env, half, onProgress: bar.onProgress, onWait: bar.onWait };
      try {
        // All are brought before the first is written: a page needs all of them.
        for (const name of names) await resolveWeights(name, options);
        bar.stop();
        for (const name of names) packed.push(await packWeights(name, output, options));
      } finally {
        bar.stop();
      }
      for (const { name, missing, source } of packed) {
        if (!source.published) printNotes([`${name}: ${source.file} is not the published file`]);
        if (missing.length > 0) printNotes([`${name}: ${source.file} lacks ${listNames(missing)}`]);
      }
      if (flags.json) return printJson(packed);
      const { bold } = coloursFor(stdout, env);
      const rows = packed.map(({ name, bytes, dtype, path }) => [name, formatSize(bytes), dtype, printable(path)]);
      const titles = ["name", "size", "numbers", "file"].map((title) => bold(title));
      print(plainTable([titles, ...rows], [1], [0, 2, 3], widthOf(stdout, env)));
      print(
        `\nin the page: weightsFrom(ADDRESS) of "@reconloss/core/weights", where ADDRESS is what serves ${printable(output)}`,
      );
    });

  addSearch("path", "print the cache folder, or the file of the given weights")
    .argument("[name]")
    .action(async (name: string | undefined, flags: Flags) => {
      if (name === undefined) {
        const path = weightsCache(env);
        return flags.json ? printJson({ path }) : print(path);
      }
      const found = await findWeights(name, { folder: flags.weights, env });
      if (found === undefined) {
        throw new ReconlossError(
          "missing-weights",
          `weights ${name} are not on this machine; to download them: npx reconloss weights pull ${name}`,
        );
      }
      if (flags.json) printJson({ name, ...found });
      else print(found.path);
    });

  return weights;
}
