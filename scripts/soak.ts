/**
 * `npm run soak`: kills every command that writes, at random moments, and looks whether anything was lost; and has mutated files of every kind that is read,
 * each of which must give a result or an error of this package, soon and in little memory.
 *
 * Takes about 30 minutes of two processor cores. What it reads it makes itself, in .cache/soak; files that gave trouble stay there, in failures/.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { commands } from "./soak/commands.ts";
import { type KillCounts, killCommand } from "./soak/kill.ts";
import { kinds } from "./soak/kinds.ts";
import { type ReadCounts, readMutated } from "./soak/reading.ts";
import { columns, killRow, killTitles, readRow, readTitles } from "./soak/rows.ts";

const usage = `npm run soak -- [options]
  --kills N    kills of each command (default: 20)
  --files N    mutated files of each kind (default: 1000)
  --seed N     of mutations and moments; the same seed gives the same files (default: 1)
  --only a,b   these commands and kinds alone:
               ${commands.map(({ name }) => name).join(",")},
               ${kinds.map(({ name }) => name).join(",")}
  --json       print one JSON object at the end instead of tables
Exit codes: 0 everything survived; 1 something did not; 2 wrong usage.
`;

/** Parses the arguments; undefined where they are not understood. */
function settings() {
  const { values } = parseArgs({
    options: {
      ...{ kills: { type: "string", default: "20" }, files: { type: "string", default: "1000" } },
      ...{ seed: { type: "string", default: "1" }, only: { type: "string" }, json: { type: "boolean" } },
    },
  });
  const [kills, files, seed] = [values.kills, values.files, values.seed].map(Number);
  if (![kills, files, seed].every((value) => Number.isSafeInteger(value) && value >= 0)) return undefined;
  const names = [...commands, ...kinds].map(({ name }) => name);
  const only = values.only?.split(",") ?? names;
  if (only.some((name) => !names.includes(name))) return undefined;
  return { kills, files, seed, only: new Set(only), json: values.json };
}

async function main(): Promise<number> {
  const asked = settings();
  if (asked === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const { kills, files, seed, only, json } = asked;
  const folder = fileURLToPath(new URL("../.cache/soak", import.meta.url));
  const print = (row: readonly string[]) => void (json || process.stdout.write(`${columns(row)}\n`));
  // One line that is written over, where somebody looks.
  const show = (row: readonly string[]) => {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${columns(row)}`);
  };
  const clear = () => {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
  };

  const killed: KillCounts[] = [];
  const read: ReadCounts[] = [];
  const chosen = commands.filter(({ name }) => kills > 0 && only.has(name));
  if (chosen.length > 0) print(killTitles);
  for (const command of chosen) {
    const counts = await killCommand(command, {
      ...{ kills, seed, folder: join(folder, "kills") },
      onKill: (counts) => show(killRow(counts)),
    });
    clear();
    print(killRow(counts));
    for (const problem of counts.problems) print([`  ${problem}`]);
    killed.push(counts);
  }
  const chosenKinds = kinds.filter(({ name }) => files > 0 && only.has(name));
  if (chosenKinds.length > 0) print(readTitles);
  for (const kind of chosenKinds) {
    const counts = await readMutated(kind, {
      ...{ files, seed, folder: join(folder, "files") },
      onFile: (counts) => counts.files % 10 === 0 && show(readRow(counts)),
    });
    clear();
    print(readRow(counts));
    for (const { path, problem } of counts.offences) print([`  ${path}: ${problem}`]);
    read.push(counts);
  }
  if (json) process.stdout.write(`${JSON.stringify({ seed, killed, read }, undefined, 2)}\n`);
  const isWell = killed.every((c) => c.survived === c.kills) && read.every((c) => c.offences.length === 0);
  return isWell ? 0 : 1;
}

process.exitCode = await main();
