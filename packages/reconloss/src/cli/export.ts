import { type ExportOptions, exportLoss } from "@reconloss/core";
import { parseLoss } from "@reconloss/core/internal";
import { Command, InvalidArgumentError, Option } from "commander";
import { writeFileAtomically } from "../files.ts";
import { type NetworkOptions, prepareNetworks, weightsOption } from "./networks.ts";
import { noteNewFolder } from "./new-folder.ts";
import { loadPlugins, type PluginOptions, pluginOption } from "./plugins.ts";
import { printable, type Terminal } from "./terminal.ts";

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("It must be a whole number above 0.");
  return count;
}

function parseSize(text: string): [number, number] {
  const [height, width, ...rest] = text.split("x").map((part) => parseCount(part));
  if (width === undefined || rest.length > 0) throw new InvalidArgumentError("It is written HEIGHTxWIDTH.");
  return [height, width];
}

type Options = ExportOptions & NetworkOptions & PluginOptions & { output: string };

/** `reconloss export SPEC -o FILE`. */
export function exportCommand(terminal: Terminal): Command {
  return new Command("export")
    .description("write a loss, with its weights and gradient, as one ONNX file")
    .argument("<loss>", 'a loss, as for `compare`: "lpips(net=alex)", "l1 + 0.1*ssim"')
    .requiredOption("-o, --output <file.onnx>", "the file to write")
    .option("--grad", "include the gradient with respect to the output image")
    .option("--map", "include the map of the loss, if it has one")
    .addOption(new Option("--channels <count>", "number of channels of the images").argParser(parseCount).default(3))
    .addOption(
      new Option("--size <HxW>", "height and width, for losses that depend on them; default: any").argParser(parseSize),
    )
    .addOption(pluginOption())
    .addOption(weightsOption())
    .addHelpText(
      "after",
      `
Examples:
  reconloss export "lpips(net=alex)" --grad -o lpips.onnx
  reconloss export "l1 + 0.1*ssim(preset=fused)" --grad -o loss.onnx
  reconloss export ms-ssim --size 256x256 -o ms-ssim.onnx

Inputs: output, target (float32, n x channels x h x w). Outputs: value, perImage (float64), grad, map (float32).`,
    )
    .action(async (spec: string, { output, weights, plugin, ...options }: Options) => {
      const loss = parseLoss(spec, (await loadPlugins({ plugin })).losses);
      await noteNewFolder(output, terminal);
      await prepareNetworks([loss], { weights }, terminal);
      const bytes = await exportLoss(loss, options);
      await writeFileAtomically(output, bytes);
      const size = bytes.length < 1e6 ? `${Math.ceil(bytes.length / 1e3)} kB` : `${(bytes.length / 1e6).toFixed(1)} MB`;
      terminal.stdout.write(`${printable(output)}  ${size}\n`);
    });
}
