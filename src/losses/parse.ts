import { ReconlossError } from "../errors.ts";
import { matching, suggestion } from "../names.ts";
import { weighted } from "./combine.ts";
import { type Loss, type LossFactory, labelled } from "./loss.ts";
import { lossFactories, otherNames } from "./registry.ts";

/** Splits at a separator that is not inside parentheses. */
function splitOutside(text: string, separator: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const letter of text) {
    depth += letter === "(" ? 1 : letter === ")" ? -1 : 0;
    if (letter === separator && depth === 0) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  if (depth !== 0) throw new ReconlossError("syntax", `loss "${text.trim()}": parentheses do not match`);
  return parts.map((part) => part.trim());
}

const termPattern = /^(?:(?<weight>[^*()]+)\*)?\s*(?<name>[A-Za-z][\w-]*)\s*(?:\((?<options>[^()]*)\))?$/;

function parseOptions(term: string, text = ""): Record<string, string> {
  if (text.trim() === "") return {};
  const options = text.split(",").map((part) => {
    const [name, value, ...rest] = part.split("=").map((word) => word.trim());
    if (name && value && rest.length === 0) return [name, value] as const;
    throw new ReconlossError("syntax", `loss "${term}": options are written name=value, got "${part.trim()}"`);
  });
  const names = options.map(([name]) => name);
  const twice = names.find((name, index) => matching(name, names.slice(0, index)) !== undefined);
  if (twice !== undefined) throw new ReconlossError("syntax", `loss "${term}": option ${twice} is given twice`);
  return Object.fromEntries(options);
}

/** The loss that a name stands for, and the options that it brings with it. */
function named(term: string, word: string, factories: readonly LossFactory[]) {
  const names = factories.map(({ info }) => info.name);
  const name = matching(word, names);
  if (name !== undefined) return { factory: factories[names.indexOf(name)], brought: {} };
  const other = matching(word, Object.keys(otherNames));
  if (other !== undefined) {
    const [name, brought = {}] = otherNames[other];
    return { factory: factories[names.indexOf(name)], brought };
  }
  const near = suggestion(word, [...names, ...Object.keys(otherNames)]);
  throw new ReconlossError(
    "syntax",
    `loss "${term}": there is no loss "${word}"; there are: ${names.join(", ")}${near}`,
  );
}

function parseTerm(text: string, factories: readonly LossFactory[]): readonly [weight: number, loss: Loss] {
  const { weight, name, options } = termPattern.exec(text)?.groups ?? {};
  const factor = Number(weight ?? 1);
  if (name === undefined || weight?.trim() === "" || !Number.isFinite(factor)) {
    throw new ReconlossError("syntax", `loss "${text}": expected name, name(option=value,...) or weight*name(...)`);
  }
  const { factory, brought } = named(text, name, factories);
  const given = parseOptions(text, options);
  const said = Object.keys(given).find((option) => matching(option, Object.keys(brought)) !== undefined);
  if (said !== undefined) {
    const meant = `${factory.info.name}(${said}=${given[said]})`;
    throw new ReconlossError("syntax", `loss "${text}": the name ${name} says ${said} already; write ${meant}`);
  }
  const loss = factory({ ...brought, ...given } as Parameters<typeof factory>[0]);
  return [factor, labelled(loss, weight === undefined ? text : text.slice(weight.length + 1))];
}

/**
 * A loss from its specification: `ssim(preset=skimage)`, or a weighted sum such as `l1 + 0.1*ssim + 0.01*tv`.
 *
 * Its `label`, under which results list it, is the text as it was typed. A single name is the loss itself, with its own direction; a sum is minimised, as {@link weighted} says.
 *
 * @param more - losses that can be named besides the library's own, made by {@link defineLoss}
 * @throws {ReconlossError} `syntax` for text that is not a specification, `invalid-argument` for an option that the loss does not take
 * @example
 * ```ts
 * import { parseLoss } from "reconloss";
 * parseLoss("l1 + 0.1*ssim(preset=wang) + 0.01*tv").spec; // "l1 + 0.1*ssim + 0.01*tv": wang is the default
 * ```
 */
export function parseLoss(spec: string, more: readonly LossFactory[] = []): Loss {
  const factories = [...lossFactories, ...more];
  const terms = splitOutside(spec, "+").map((text) => parseTerm(text, factories));
  return labelled(terms.length === 1 && terms[0][0] === 1 ? terms[0][1] : weighted(terms), spec);
}

/**
 * Several losses from a list of specifications separated by commas.
 *
 * @throws {ReconlossError} as {@link parseLoss}, and `syntax` for a loss that is listed twice
 * @example
 * ```ts
 * import { parseLosses } from "reconloss";
 * parseLosses("psnr(channels=y-bt601,crop=4), ssim").map((loss) => loss.name); // ["psnr", "ssim"]
 * ```
 */
export function parseLosses(list: string): Loss[] {
  const losses = splitOutside(list, ",").map((spec) => parseLoss(spec));
  const specs = losses.map(({ spec }) => spec);
  const twice = specs.find((spec, index) => specs.indexOf(spec) !== index);
  if (twice !== undefined) throw new ReconlossError("syntax", `losses "${list}": ${twice} is listed twice`);
  return losses;
}
