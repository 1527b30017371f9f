import * as core from "@reconloss/core";
import { type Loss, type LossFactory, lossFactories } from "@reconloss/core";
import { otherNames } from "@reconloss/core/internal";
import { gan } from "@reconloss/core/train";
import { type Docstring, docstringsOf } from "./docstrings.ts";
import { documents, readDocument } from "./links.ts";
import { anchorOf } from "./markdown.ts";
import { type MeasuredRows, measuredRows } from "./measured.ts";
import { makeExamples, type Shown, show, toWebp } from "./pictures.ts";
import type { MadeFile, Page } from "./site.ts";
import { cell, code, fence, optionsTable, presetsTable, row, section, table } from "./tables.ts";

/** The kinds of losses, in the order in which they are listed. */
const kinds = {
  pair: { title: "Of output and target", meaning: "compare an output with its target, by formulas alone" },
  learned: {
    title: "By networks",
    meaning:
      "compare an output with its target by the features of a network; published weights are downloaded on first use",
  },
  prior: { title: "Of the output alone", meaning: "need no target: priors and measures of quality" },
  adversarial: { title: "Adversarial", meaning: "are learned while a model is trained with them" },
} as const;

type Kind = keyof typeof kinds;

/** A loss with what its page says, besides what it measures of the examples. */
export interface Documented {
  readonly factory: LossFactory;
  /** The loss with its default options. */
  readonly loss: Loss;
  readonly kind: Kind;
  readonly docstring: Docstring;
}

function kindOf(factory: LossFactory, loss: Loss): Kind {
  if (factory === (gan as unknown)) return "adversarial";
  if (!loss.needsTarget) return "prior";
  return loss.definition?.weights?.length ? "learned" : "pair";
}

/** Returns every loss with its doc comment. Throws where one has none. */
export function documentedLosses(): Documented[] {
  const docstrings = new Map([...docstringsOf("packages/core/src/losses"), ...docstringsOf("packages/core/src/train")]);
  const exported = Object.entries({ ...core, gan });
  return [...lossFactories, gan as unknown as LossFactory].map((factory) => {
    const constant = exported.find(([, value]) => value === factory)?.[0] ?? "";
    const docstring = docstrings.get(constant);
    if (docstring === undefined) throw new Error(`${factory.info.name}: no exported constant with a doc comment`);
    const loss = factory();
    return { factory, loss, kind: kindOf(factory, loss), docstring };
  });
}

/** The page of a loss. */
export function lossSource(name: string): string {
  return `docs/losses/${name}.md`;
}

/** Returns the source of the page of a loss, by any of its names. */
export function pageOfName(name: string): string | undefined {
  const known = otherNames[name]?.[0] ?? name;
  return [...lossFactories, gan].some(({ info }) => info.name === known) ? lossSource(known) : undefined;
}

const directions = {
  higher: "Higher is better.",
  lower: "Lower is better.",
  target: "Better is closer to the target's own value; a sum minimises it.",
};

/** How the loss enters a sum. */
function inSum({ better, name, offset }: Loss): string {
  if (better !== "higher") return "";
  return ` In a sum it enters as \`${offset === 0 ? `-${name}` : `${offset} - ${name}`}\`.`;
}

function computedBy({ definition }: Loss): string {
  if (definition?.learner) return "a network that learns, on ONNX Runtime";
  if (definition?.weights?.length) return "a network on ONNX Runtime; a formula's share is a graph there";
  if (definition?.kernel) return "a fused SIMD kernel in WebAssembly, with most options; else a graph on ONNX Runtime";
  return "a graph on ONNX Runtime";
}

/** Says a number in few digits. */
function short(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const fixed = value.toFixed(decimals);
  return Number(fixed) === 0 && value !== 0 ? value.toPrecision(2) : fixed;
}

function facts({ loss, docstring, factory }: Documented, shown: Shown | undefined): string {
  const { info } = factory;
  const others = Object.entries(otherNames).filter(([, [name]]) => name === info.name);
  const weights = loss.definition?.weights ?? [];
  const finite = "Finite everywhere; with respect to the output, in its shape.";
  const atIdentical =
    shown &&
    ` At identical images its largest entry is ${shown.slopeOfIdentical === 0 ? "0" : shown.slopeOfIdentical.toPrecision(2)}.`;
  const lines = [
    info.formula && row("Formula", code(info.formula)),
    info.use && row("Use it", cell(info.use)),
    row("Direction", `${directions[loss.better]}${inSum(loss)}`),
    shown &&
      row(
        "Identical images",
        `${short(shown.identical, loss.decimals)}${shown.spec === loss.spec ? "" : ` (${code(shown.spec)})`}`,
      ),
    row("Gradient", `${finite}${atIdentical ?? ""}`),
    row(
      "Error map",
      loss.hasMap ? (loss.definition?.mapsErrors ? "yes, of errors" : "yes") : "none: its value is no mean over places",
    ),
    row("Target", loss.needsTarget ? "needed" : "not needed"),
    row("Computed by", computedBy(loss)),
    weights.length > 0 && row("Weights", `${weights.map(code).join(", ")}: [where they come from](../weights.md)`),
    others.length > 0 &&
      row(
        "Other names",
        others
          .map(
            ([other, [, set = {}]]) =>
              `${code(other)}${
                Object.keys(set).length
                  ? ` (${Object.entries(set)
                      .map(([option, value]) => code(`${option}=${value}`))
                      .join(", ")})`
                  : ""
              }`,
          )
          .join(", "),
      ),
    row("Source", cell(info.source)),
    row("Code", `[${docstring.path.split("/").at(-1)}](../../${docstring.path})`),
  ];
  return table(["", ""], lines.filter((line) => typeof line === "string" && line !== "") as string[]);
}

function valuesTable({ loss }: Documented, { identical, values, spec }: Shown): string {
  const lines = [{ name: "none: output and target the same", value: identical }, ...values].map(({ name, value }) =>
    row(name, short(value, loss.decimals)),
  );
  return table(["distortion of the whole picture", code(spec)], lines);
}

function mapPictures(name: string, { map, spec }: Shown): string {
  const figures = [
    { file: "target.webp", text: "Target" },
    { file: "output.webp", text: "Output: JPEG and blur above, noise and a colour cast below" },
    ...(map
      ? [
          {
            file: `${name}.webp`,
            text: `Map of ${spec}: black is no error, the brightest colour ${map.top.toPrecision(2)} and more`,
          },
        ]
      : []),
  ];
  const html = figures.map(
    ({ file, text }) =>
      `<figure><img src="maps/${file}" alt="${text}" width="256" height="256"><figcaption>${text}</figcaption></figure>`,
  );
  return `<div class="pictures">\n${html.join("\n")}\n</div>`;
}

function measured(rows: readonly MeasuredRows[]): string {
  return rows
    .map(
      ({ path, heading, anchor, table }) =>
        `From [${heading}](../${path.slice("docs/".length)}#${anchor}):\n\n${table.join("\n")}`,
    )
    .join("\n\n");
}

/** Headings of documents that name the loss. */
function mentions(name: string): string {
  const simple = (text: string) => anchorOf(text).replace(/-/g, "");
  const found = documents()
    .filter((path) => path.startsWith("docs/"))
    .flatMap((path) => {
      const { headings } = readDocument(path);
      return headings
        .filter(({ text }) => text.split(/[\s,/()]+/).some((word) => simple(word) === simple(name)))
        .map(
          ({ text, anchor, level }) =>
            `- [${level === 1 ? text : `${headings[0].text}: ${text}`}](../${path.slice("docs/".length)}#${anchor})`,
        );
    });
  return found.join("\n");
}

/** What a loss's page says beside its doc comment and options. */
export interface Material {
  readonly shown?: Shown;
  readonly rows: readonly MeasuredRows[];
  /** Whether the playground is there to link to. */
  readonly playground?: boolean;
}

function commands({ loss, kind }: Documented): string {
  const { name } = loss.info;
  if (kind === "adversarial")
    return fence("sh", `npx reconloss train super-resolution --data photos/ --loss "l1 + 0.005*${name}" -o x2/`);
  const preset = loss.info.options.preset?.words?.find((word) => word !== loss.info.options.preset.default);
  return fence(
    "sh",
    [
      `npx reconloss compare output.png target.png -m "${name}"`,
      ...(preset === undefined
        ? []
        : [`npx reconloss compare outputs/ targets/ -m "${name}, ${name}(preset=${preset})"`]),
      ...(loss.hasMap ? [`npx reconloss compare outputs/ targets/ -m ${name} --maps maps/`] : []),
    ].join("\n"),
  );
}

/** Returns the page of a loss, made from its definition. */
export function lossPage(documented: Documented, { shown, rows, playground = false }: Material): Page {
  const { factory, kind, docstring } = documented;
  const { name, summary } = factory.info;
  const tryIt = `[Try ${name} in the playground](../playground/index.html#compare?m=${name}&show=${name}): its options as controls, on pictures of your own.`;
  const parts = [
    `# ${name}\n\n${summary[0].toUpperCase()}${summary.slice(1)}.\n`,
    facts(documented, shown),
    section("Definition", docstring.text),
    section("Options", optionsTable(factory.info.options) || "None."),
    section(
      "Presets",
      presetsTable(factory.info.options, (preset) => factory({ preset }).options),
    ),
    shown
      ? section(shown.map ? "Values and error map" : "Values", mapPictures(name, shown), valuesTable(documented, shown))
      : "",
    section("In TypeScript", ...docstring.examples.map((example) => fence("ts", example))),
    section("On the command line", commands(documented), playground && kind !== "adversarial" ? tryIt : ""),
    section("Errors", docstring.throws.map((text) => `- ${text}`).join("\n")),
    section("Measured", measured(rows)),
    section("See also", mentions(name)),
  ];
  return {
    source: lossSource(name),
    markdown: parts.filter((part) => part !== "").join("\n"),
    title: name,
    group: kinds[kind].title,
    weight: 1.5,
  };
}

/** Returns the page that lists all losses by kind. */
export function lossIndex(all: readonly Documented[]): Page {
  const lists = (Object.keys(kinds) as Kind[]).map((kind) => {
    const lines = all
      .filter((documented) => documented.kind === kind)
      .map(({ factory: { info }, loss }) =>
        row(
          `[${code(info.name)}](${info.name}.md)`,
          cell(info.summary),
          { higher: "↑", lower: "↓", target: "≈" }[info.better],
          loss.hasMap ? "yes" : "",
        ),
      );
    return section(
      kinds[kind].title,
      `Losses that ${kinds[kind].meaning}.`,
      table(["loss", "what it measures", "better", "error map"], lines),
    );
  });
  const text = `# Losses

All ${all.length} losses, each with a page made from its definition: options, presets and whose numbers they give, values and error map of one picture, examples. \`↑\`: higher is better; \`↓\`: lower; \`≈\`: closer
to the target's own value. [Choosing a loss](../choosing.md) shows which is good for what, [Conventions](../conventions.md) which option gives whose number; \`npx reconloss losses\` lists the same on a terminal.
Of sets of images there are [metrics](../metrics/index.md).

${lists.join("\n")}`;
  return { source: "docs/losses/index.md", markdown: text, title: "All losses" };
}

/** The specification by which a loss is shown where its weights are not there: with the network or model that is part of the package. */
function withoutWeights({ factory, loss }: Documented): Loss | undefined {
  if (!loss.definition?.weights?.length) return loss;
  const option = Object.entries(factory.info.options).find(([, { words = [] }]) => words.includes("tiny"))?.[0];
  return option === undefined ? undefined : factory({ [option]: "tiny" });
}

/** Returns the pages of all losses, with their pictures. */
export async function lossPages({
  playground,
  pictures,
}: {
  playground: boolean;
  pictures: (name: string) => boolean;
}): Promise<{ pages: Page[]; files: MadeFile[] }> {
  const all = documentedLosses();
  const rows = measuredRows(all.map(({ factory }) => factory.info.name));
  const examples = await makeExamples();
  const maps = "docs/losses/maps";
  const files: MadeFile[] = [
    { path: `${maps}/target.webp`, bytes: await toWebp(examples.target) },
    { path: `${maps}/output.webp`, bytes: await toWebp(examples.quarters) },
  ];
  const pages: Page[] = [lossIndex(all)];
  const order = Object.keys(kinds);
  const sorted = all.toSorted(
    (a, b) =>
      order.indexOf(a.kind) - order.indexOf(b.kind) || (lossSource(a.loss.name) < lossSource(b.loss.name) ? -1 : 1),
  );
  for (const documented of sorted) {
    const { name } = documented.factory.info;
    const loss = documented.kind === "adversarial" || !pictures(name) ? undefined : withoutWeights(documented);
    const shown = loss && (await show(loss, examples));
    if (shown?.map) files.push({ path: `${maps}/${name}.webp`, bytes: shown.map.webp });
    pages.push(lossPage(documented, { shown, rows: rows.get(name) ?? [], playground }));
  }
  return { pages, files };
}
