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

function computedBy({ definition, needsTarget }: Loss): string {
  if (definition?.learner) return "a network that learns, on ONNX Runtime";
  if (definition?.weights?.length && needsTarget) return "a network on ONNX Runtime";
  if (definition?.kernel) return "a fused SIMD kernel in WebAssembly, with most options; else a graph on ONNX Runtime";
  return "a graph on ONNX Runtime";
}

/** Returns a number with the loss's decimals, or with two digits where these are all 0. */
function short(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  const fixed = value.toFixed(decimals);
  return Number(fixed) === 0 && value !== 0 ? value.toPrecision(2) : fixed;
}

/** Returns the other names of a loss, with the options that they say. */
function namesOf(name: string): string {
  const others = Object.entries(otherNames).filter(([, [known]]) => known === name);
  const said = (set: object) => Object.entries(set).map(([option, value]) => code(`${option}=${value}`));
  return others
    .map(([other, [, set = {}]]) => `${code(other)}${said(set).length > 0 ? ` (${said(set).join(", ")})` : ""}`)
    .join(", ");
}

/** What a loss says of the photograph itself: of a pair of identical images, or as a prior. */
function undistorted({ loss, kind }: Documented, shown: Shown): { title: string; value: string; slope: string } {
  const title = kind === "prior" ? "Of the photograph" : "Identical images";
  const which = shown.spec === loss.spec ? "" : ` (${code(shown.spec)})`;
  const slope = shown.slopeOfIdentical === 0 ? "0" : shown.slopeOfIdentical.toPrecision(2);
  return {
    title,
    value: `${short(shown.identical, loss.decimals)}${which}`,
    slope: kind === "prior" ? "" : ` At identical images its largest entry is ${slope}.`,
  };
}

/** Returns the table at the top of a page; cells without words have no line. */
function facts(documented: Documented, shown: Shown | undefined): string {
  const { loss, docstring, factory } = documented;
  const { info } = factory;
  const weights = loss.definition?.weights ?? [];
  const plain = shown && undistorted(documented, shown);
  const map = loss.definition?.mapsErrors ? "yes, of errors, which are better lower" : "yes";
  const lines: [title: string, text: string][] = [
    ["Formula", info.formula ? code(info.formula) : ""],
    ["Use it", cell(info.use ?? "")],
    ["Direction", `${directions[loss.better]}${inSum(loss)}`],
    [plain?.title ?? "", plain?.value ?? ""],
    ["Gradient", `With respect to the output, in its shape; finite everywhere.${plain?.slope ?? ""}`],
    ["Error map", loss.hasMap ? map : "none"],
    ["Target", loss.needsTarget ? "needed" : "not needed"],
    ["Computed by", computedBy(loss)],
    ["Weights", weights.length > 0 ? `${weights.map(code).join(", ")}: [where they come from](../weights.md)` : ""],
    ["Other names", namesOf(info.name)],
    ["Source", cell(info.source)],
    ["Code", `[${docstring.path.split("/").at(-1)}](../../${docstring.path})`],
  ];
  return table(
    ["", ""],
    lines.filter(([, text]) => text !== "").map((line) => row(...line)),
  );
}

function valuesTable({ loss, kind }: Documented, { identical, values, spec }: Shown): string {
  const none = kind === "prior" ? "none" : "none: output and target the same";
  const lines = [{ name: none, value: identical }, ...values];
  return table(
    ["distortion of the whole picture", code(spec)],
    lines.map(({ name, value }) => row(name, short(value, loss.decimals))),
  );
}

function figure(file: string, text: string, page?: string): string {
  const image = `<img src="maps/${file}" alt="${text}" width="256" height="256" loading="lazy">`;
  const caption = page === undefined ? text : `<a href="${page}">${text}</a>`;
  return `<figure>${image}<figcaption>${caption}</figcaption></figure>`;
}

const examplesShown = [
  figure("target.webp", "Target"),
  figure("output.webp", "Output: JPEG and blur above, noise and a colour cast below"),
];

function gallery(figures: readonly string[]): string {
  return `<div class="pictures">\n${figures.join("\n")}\n</div>`;
}

function mapPictures(name: string, { map, spec }: Shown): string {
  if (map === undefined) return "";
  const text = `Map of ${spec}: black is no error, the brightest colour ${map.top.toPrecision(2)} and more`;
  return gallery([...examplesShown, figure(`${name}.webp`, text)]);
}

function measured(rows: readonly MeasuredRows[]): string {
  return rows
    .map(({ path, title, heading, anchor, table }) => {
      const link = `[${heading === title ? title : `${title}: ${heading}`}](../${path.slice("docs/".length)}#${anchor})`;
      return `From ${link}, which says how and in which unit:\n\n${table.join("\n")}`;
    })
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
  const spec = encodeURIComponent(shown?.spec ?? name);
  const tryIt = `[Try ${name} in the playground](../playground/index.html#compare?m=${spec}&show=${spec}): its options as controls, on pictures of your own.`;
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
    section("On the command line", commands(documented), playground && shown ? tryIt : ""),
    section(
      "Errors",
      docstring.throws.map((text) => `- ${text}`).join("\n"),
      docstring.throws.length > 0 ? "[What the codes mean](../errors.md#codes)." : "",
    ),
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

/** Returns the page that lists all losses by kind, and shows the maps of some. */
export function lossIndex(all: readonly Documented[], withMap: readonly string[] = []): Page {
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

${lists.join("\n")}
${section("Error maps", withMap.length > 0 ? gallery([...examplesShown, ...withMap.map((name) => figure(`${name}.webp`, name, `${name}.md`))]) : "")}`;
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
  const pages: Page[] = [];
  const withMap: string[] = [];
  const order = Object.keys(kinds);
  const sorted = all.toSorted(
    (a, b) =>
      order.indexOf(a.kind) - order.indexOf(b.kind) || (lossSource(a.loss.name) < lossSource(b.loss.name) ? -1 : 1),
  );
  for (const documented of sorted) {
    const { name } = documented.factory.info;
    const loss = documented.kind === "adversarial" || !pictures(name) ? undefined : withoutWeights(documented);
    const shown = loss && (await show(loss, examples));
    if (shown?.map) {
      files.push({ path: `${maps}/${name}.webp`, bytes: shown.map.webp });
      withMap.push(name);
    }
    pages.push(lossPage(documented, { shown, rows: rows.get(name) ?? [], playground }));
  }
  return { pages: [lossIndex(all, withMap), ...pages], files };
}
