import { parseOptions, splitOutside } from "../definitions/specification.ts";
import { ReconlossError } from "../errors.ts";
import { matching, suggestion } from "../names.ts";
import { weighted } from "./combine.ts";
import { type Loss, type LossFactory, labelled } from "./loss.ts";
import { lossFactories, otherNames } from "./registry.ts";
import { isLater, type Term, type TermSchedule } from "./term.ts";

const termPattern =
  /^(?:(?<weight>[^*()@]+)\*)?\s*(?<own>(?<name>[A-Za-z][\w-]*)\s*(?:\((?<options>[^()]*)\))?)\s*(?:@(?<schedule>.*))?$/;

/** Parses the step at which a term begins: `2000`, or `2000..2500` with a warm-up. */
const schedulePattern = /^\s*(?<start>\d+)\s*(?:\.\.\s*(?<whole>\d+)\s*)?$/;

function parseSchedule(term: string, text: string): TermSchedule {
  const { start, whole } = schedulePattern.exec(text)?.groups ?? {};
  const [first, last] = [Number(start), Number(whole ?? Number(start) + 1)];
  if (Number.isSafeInteger(first) && Number.isSafeInteger(last) && last > first) {
    return { start: first, warmup: last - first };
  }
  const expected =
    "@ is followed by the steps before the term, @2000, or by these and the step at which it has its whole weight, @2000..2500";
  throw new ReconlossError("syntax", `loss "${term}": ${expected}; got "@${text.trim()}"`);
}

/** The loss that a name stands for, and the options that it brings with it. */
function lossNamed(term: string, word: string, factories: readonly LossFactory[]) {
  const names = factories.map(({ info }) => info.name);
  const name = matching(word, names);
  if (name !== undefined) return { factory: factories[names.indexOf(name)], brought: {} };
  const other = matching(word, Object.keys(otherNames));
  if (other !== undefined) {
    const [name, brought = {}] = otherNames[other];
    return { factory: factories[names.indexOf(name)], brought };
  }
  if (matching(word, ["gan"]) !== undefined) {
    const where =
      'it is a network that learns beside the model: `reconloss train` takes it, and parseLoss of "reconloss"';
    throw new ReconlossError("syntax", `loss "${term}": there is no loss "${word}" here; ${where}`);
  }
  const near = suggestion(word, [...names, ...Object.keys(otherNames)]);
  throw new ReconlossError(
    "syntax",
    `loss "${term}": there is no loss "${word}"; there are: ${names.join(", ")}${near}`,
  );
}

function parseTerm(text: string, factories: readonly LossFactory[]): Term {
  const { weight, own, name, options, schedule } = termPattern.exec(text)?.groups ?? {};
  const factor = Number(weight ?? 1);
  if (name === undefined || weight?.trim() === "" || !Number.isFinite(factor)) {
    throw new ReconlossError(
      "syntax",
      `loss "${text}": expected name, name(option=value,...), weight*name(...) or weight*name(...)@step`,
    );
  }
  const { factory, brought } = lossNamed(text, name, factories);
  const given = parseOptions("loss", text, options);
  const conflicting = Object.keys(given).find((option) => matching(option, Object.keys(brought)) !== undefined);
  if (conflicting !== undefined) {
    const meant = `${factory.info.name}(${conflicting}=${given[conflicting]})`;
    throw new ReconlossError(
      "syntax",
      `loss "${text}": the name ${name} already implies ${conflicting}; write ${meant}`,
    );
  }
  const loss = factory({ ...brought, ...given } as Parameters<typeof factory>[0]);
  const term = labelled(loss, own);
  return schedule === undefined ? [factor, term] : [factor, term, parseSchedule(text, schedule)];
}

/** All losses that can be named. */
function known(more: readonly LossFactory[]): LossFactory[] {
  if (!Array.isArray(more) || !more.every((factory) => typeof factory?.info?.name === "string")) {
    throw new ReconlossError("invalid-argument", "custom losses must be an array of factories made by defineLoss");
  }
  const all = [...lossFactories];
  const others = Object.keys(otherNames);
  for (const factory of more) {
    const { info } = factory;
    if (all.some((one) => one.info === info)) continue;
    const taken = matching(info.name, [...all.map((one) => one.info.name), ...others]);
    if (taken !== undefined) {
      const problem = `a custom loss cannot be named "${info.name}": "${taken}" exists already`;
      throw new ReconlossError("invalid-argument", problem);
    }
    all.push(factory);
  }
  return all;
}

function checkText(name: string, text: unknown): asserts text is string {
  if (typeof text === "string") return;
  throw new ReconlossError("syntax", `a ${name} must be a text such as "ssim(preset=skimage)", got ${typeof text}`);
}

/** A specification with the name that results shall list it under: `psnr(crop=2) as PSNR`. */
const named = /^(?<spec>.*?\S)\s+as\s+(?<name>\S.*?)\s*$/is;

/** Refuses names that lists and conditions could not write, or that every JavaScript object has. */
function checkName(spec: string, name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are refused
  if (!/[,<>=+\u0000-\u001f\u007f]/.test(name) && !(name in {})) return;
  const rule = "a name has no comma, no <, >, = or +, and is none that every object has, such as constructor";
  throw new ReconlossError("syntax", `loss "${spec.trim()}": it cannot be named "${name}": ${rule}`);
}

/** A loss or a sum from its specification, with `more` losses besides the library's own. */
export function parseLoss(spec: string, more: readonly LossFactory[] = []): Loss {
  checkText("loss", spec);
  const factories = known(more);
  const { spec: own = spec, name } = named.exec(spec)?.groups ?? {};
  if (name !== undefined) checkName(spec, name);
  const terms = splitOutside("loss", own, "+").map((text) => parseTerm(text, factories));
  const [[weight, loss, schedule]] = terms;
  const isOne = terms.length === 1 && weight === 1 && !isLater(schedule);
  return labelled(isOne ? loss : weighted(terms), own, name);
}

/** Whether conditions could not tell two names apart. */
const isSameText = (a: string, b: string) => {
  const plain = (text: string) => text.replace(/\s+/g, "").toLowerCase();
  return plain(a) === plain(b);
};

/** Several losses from a list of specifications separated by commas. @throws {ReconlossError} `syntax` for a loss that is listed twice */
export function parseLosses(list: string, more: readonly LossFactory[] = []): Loss[] {
  checkText("list of losses", list);
  const losses = splitOutside("loss", list, ",").map((spec) => parseLoss(spec, more));
  for (const [index, { label, spec }] of losses.entries()) {
    const before = losses.slice(0, index).find((other) => other.spec === spec || isSameText(other.label, label));
    if (before === undefined) continue;
    const same =
      before.spec === spec ? "are the same loss, which is listed twice" : "are two losses, whose names must differ";
    const problem = before.label === label ? `${label} is listed twice` : `${before.label} and ${label} ${same}`;
    throw new ReconlossError("syntax", `losses "${list}": ${problem}`);
  }
  return losses;
}
