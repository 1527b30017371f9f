import { type LossFactory, lossFactories } from "@reconloss/core";
import { otherNames } from "@reconloss/core/internal";
import { gan } from "@reconloss/core/train";
import { Command } from "commander";
import { loadPlugins, type PluginOptions, pluginOption } from "./plugins.ts";
import { coloursFor, jsonText, type Terminal } from "./terminal.ts";

/** Every loss with its options, as data; one that has to be learned is for training alone. */
function describeLosses(plugins: readonly LossFactory[]) {
  return [...lossFactories, gan, ...plugins].map(
    ({ info: { name, summary, formula, use, better, source, options, presets } }) => ({
      name,
      otherNames: Object.keys(otherNames).filter((other) => otherNames[other][0] === name),
      learned: name === gan.info.name,
      summary,
      formula,
      use,
      better,
      source,
      options: Object.entries(options).map(([option, { default: fallback, accepts, help }]) => ({
        name: option,
        default: fallback,
        accepts,
        help,
      })),
      presets: presets ?? {},
    }),
  );
}

/** Words to lines of at most `width` letters. */
function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line !== "" && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

function printLosses({ stdout, env }: Terminal, plugins: readonly LossFactory[]): void {
  const { bold, cyan, dim } = coloursFor(stdout, env);
  const width = Math.max(60, Math.min(stdout.columns ?? 110, 120));
  const line = (text = "") => stdout.write(`${text}\n`);
  const paragraph = (text: string, indent: number, paint: (text: string) => string = String) => {
    for (const part of wrap(text, width - indent)) line(`${" ".repeat(indent)}${paint(part)}`);
  };
  for (const loss of describeLosses(plugins)) {
    const { name, otherNames, learned, summary, formula, use, better, source, options, presets } = loss;
    const direction = better === "target" ? "closer to the target's" : better;
    line(`${bold(name)}  ${summary}; ${direction} is better${learned ? `; for ${cyan("reconloss train")}` : ""}`);
    if (formula !== undefined) paragraph(formula, 2);
    if (use !== undefined) paragraph(use, 2);
    paragraph(source, 2, dim);
    if (otherNames.length > 0) paragraph(`also ${otherNames.join(", ")}`, 2, dim);
    for (const option of options) {
      const { accepts, help } = option;
      line(`    ${cyan(`${option.name}=${option.default}`)}  ${accepts}`);
      paragraph(help, 8, dim);
    }
    for (const [preset, values] of Object.entries(presets)) {
      const settings = Object.entries(values).map(([option, value]) => `${option}=${value}`);
      line(`    ${cyan(`preset=${preset}`)}  is ${settings.join(", ")}`);
    }
    line();
  }
  line(
    `Options are written ${cyan("name(option=value,...)")}; sums are losses too: ${cyan("l1 + 0.1*ssim(preset=fused)")}`,
  );
}

/** `reconloss losses`. */
export function lossesCommand(terminal: Terminal): Command {
  return new Command("losses")
    .description("list every loss with its meaning, formula, use, options, direction and source")
    .option("--json", "print a JSON array")
    .addOption(pluginOption())
    .action(async ({ json, plugin }: PluginOptions & { json?: boolean }) => {
      const { losses: plugins } = await loadPlugins({ plugin });
      if (json) terminal.stdout.write(`${jsonText(describeLosses(plugins), 2)}\n`);
      else printLosses(terminal, plugins);
    });
}
