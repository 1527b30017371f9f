import { Command } from "commander";
import { protocols } from "../compare/index.ts";
import { plainTable } from "./table.ts";
import { coloursFor, jsonText, type Terminal } from "./terminal.ts";

function printProtocols({ stdout, env }: Terminal): void {
  const { bold, cyan } = coloursFor(stdout, env);
  for (const { name, title, summary, source, metrics, models, total } of protocols) {
    const rows = [
      ["what", summary],
      ["metrics", cyan(metrics)],
      ...models.map((model) => ["model", `${cyan(`--metric-model ${model.name}=FILE.onnx`)}  ${model.summary}`]),
      ...(total ? [[total.name, `${total.formula}, computed from the means; omitted if a part is missing`]] : []),
      ["source", source],
    ].map(([label, text]) => [`  ${label}`, text]);
    stdout.write(`${bold(name)}  ${title}\n${plainTable(rows, [], [0, 1], stdout.columns ?? 110)}\n\n`);
  }
  stdout.write(`${cyan("reconloss compare outputs/ targets/ --protocol sr-x4")} uses one.\n`);
}

/** `reconloss protocols`. */
export function protocolsCommand(terminal: Terminal): Command {
  return new Command("protocols")
    .description("list the protocols of compare with their metrics and sources")
    .option("--json", "print a JSON array")
    .action(({ json }: { json?: boolean }) => {
      if (json) terminal.stdout.write(`${jsonText(protocols, 2)}\n`);
      else printProtocols(terminal);
    });
}
