import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createTrainer } from "../../packages/core/src/train/index.ts";
import { applyCommand } from "../../packages/reconloss/src/cli/apply.ts";
import type { Terminal } from "../../packages/reconloss/src/cli/terminal.ts";
import { trainCommand } from "../../packages/reconloss/src/cli/train.ts";
import { completeSettings, type GivenSettings } from "../../packages/reconloss/src/tasks/index.ts";
import { taskOf, trainingLoss } from "../../packages/reconloss/src/tasks/settings.ts";
import { randomTensor } from "../random.ts";

// Every training that docs/training.md shows takes two steps, with a small discriminator and without published weights; its own settings are accepted as they stand. The help of `reconloss train` shows the same losses.

const data = "photographs";
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** The words of a command line, lines that go on joined, quotes taken off. */
const wordsOf = (text: string) =>
  [...text.replaceAll("\\\n", " ").matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);

interface Shown {
  text: string;
  settings: GivenSettings;
}

const commands = [...read("docs/training.md").matchAll(/^npx reconloss train ((?:.*\\\n)*.*)$/gm)]
  .map(([, text]): Shown => {
    const [task, ...words] = wordsOf(text);
    const option = (name: string) => (words.includes(name) ? words[words.indexOf(name) + 1] : undefined);
    const number = (name: string) => (option(name) === undefined ? undefined : Number(option(name)));
    return {
      text: text.replaceAll(/\s*\\\n\s*/g, " "),
      settings: {
        task,
        data,
        loss: option("--loss"),
        scale: number("--scale"),
        patch: number("--patch"),
      },
    };
  })
  .filter(({ settings }) => settings.loss !== undefined);

/** The same loss on the networks of this package, with a small discriminator, where terms begin in time. */
const cheap = (loss = "") =>
  loss
    .replaceAll(/lpips\(net=\w+\)/g, "lpips(net=tiny)")
    .replaceAll(/perceptual\(preset=[\w-]+\)/g, "perceptual(net=tiny)")
    .replaceAll(/,features=\d+/g, "")
    .replaceAll(/gan\(/g, "gan(features=2,")
    .replaceAll(/@\d+/g, "@1");

/** Every command that the page shows, as words. */
const shown = [...read("docs/training.md").matchAll(/^npx reconloss ((?:.*\\\n)*.*)$/gm)].map(([, text]) =>
  wordsOf(text),
);

test.each(shown.map((words) => [words.join(" "), words] as const))("%s: each option exists", (_, words) => {
  const [name, ...rest] = words;
  const terminal: Terminal = { stdout: { write: () => {} }, stderr: { write: () => {} }, env: {} };
  const commands: Record<string, () => Command> = {
    train: () => trainCommand(terminal, () => {}),
    apply: () => applyCommand(terminal, () => {}),
  };
  const command = commands[name]();
  command.exitOverride();
  const { operands, unknown } = command.parseOptions(rest);
  expect(unknown).toEqual([]);
  expect(operands.length).toBeLessThanOrEqual(command.registeredArguments.length);
});

test("parses every command of the page", () => {
  expect(shown).toHaveLength(read("docs/training.md").match(/^npx reconloss /gm)?.length ?? 0);
  expect(shown.length).toBeGreaterThanOrEqual(12);
});

test("the page has all recipes, including those of the help", () => {
  expect(commands).toHaveLength(7);
  const help = read("packages/reconloss/src/cli/train.ts");
  const inHelp = [...help.matchAll(/^ {2}((?:\S.*)?\bgan\(.*?)(?: {3}with --patch 128)?$/gm)].map(([, loss]) => loss);
  expect(inHelp).toHaveLength(4);
  expect(commands.map(({ settings }) => settings.loss)).toEqual(expect.arrayContaining(inHelp));
});

describe.each(commands)("$text", ({ settings }) => {
  test("is accepted, and a training runs", async () => {
    const complete = completeSettings(settings);
    expect(complete.loss).toBe(settings.loss);
    const task = taskOf(complete);
    const patch = settings.patch ?? 32;
    const trainer = createTrainer({
      model: task.model(),
      loss: trainingLoss(cheap(settings.loss), { ...complete, patch }),
    });
    const side = patch / (task.restoration?.scale ?? 1);
    const input = randomTensor(task.latent === undefined ? [2, 3, side, side] : [2, task.latent, 1, 1], 1);
    const target = randomTensor([2, 3, patch, patch], 2);
    await trainer.step(input, target);
    const { learned } = await trainer.step(input, target);
    expect(learned).toEqual([expect.objectContaining({ real: expect.any(Number), fake: expect.any(Number) })]);
  });
});
