import * as metrics from "@reconloss/core/metrics";
import { type MetricFactory, metricFactories, type Need } from "@reconloss/core/metrics";
import { type Docstring, docstringsOf } from "./docstrings.ts";
import type { Page } from "./site.ts";
import { cell, code, fence, optionsTable, presetsTable, row, table } from "./tables.ts";

const needs: Readonly<Record<Need, string>> = {
  rows: "the features of every image",
  labelled: "the features and the class of every image",
  moments: "mean and covariance of the features, or a file of them",
};

const features = {
  main: "the main ones of the network",
  spatial: "Inception's spatial ones",
  logits: "Inception's scores of classes",
};

/** The doc comment that explains a metric: that of the function which its own names, where it names one. */
function explained(factory: MetricFactory, docstrings: ReadonlyMap<string, Docstring>): Docstring | undefined {
  const name = Object.entries(metrics).find(([, value]) => value === (factory as unknown))?.[0] ?? "";
  const own = docstrings.get(name);
  return own?.links.map((link) => docstrings.get(link)).find((it) => it !== undefined) ?? own;
}

function metricSection(factory: MetricFactory, docstrings: ReadonlyMap<string, Docstring>): string {
  const { info } = factory;
  const docstring = explained(factory, docstrings);
  const facts = [
    row("Direction", info.better === "higher" ? "Higher is better." : "Lower is better."),
    row("Features", features[info.features]),
    row(
      "Needs",
      [
        `of the outputs ${needs[info.needs.output]}`,
        ...(info.needs.real ? [`of the reals ${needs[info.needs.real]}`] : ["no reals"]),
      ].join("; "),
    ),
    ...(info.numbers ? [row("Numbers", info.numbers.map(code).join(", "))] : []),
    row("Source", cell(info.source)),
  ];
  const parts = [
    `## ${info.name}`,
    `${info.summary[0].toUpperCase()}${info.summary.slice(1)}.`,
    table(["", ""], facts),
    docstring?.text ?? "",
    optionsTable(info.options),
    presetsTable(info.options, (preset) => factory({ preset }).options),
    fence("sh", `npx reconloss distribution outputs/${info.needs.real ? " reals/" : ""} --metrics ${info.name}`),
    ...(docstring?.examples ?? []).map((example) => fence("ts", example)),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** Returns the page of all metrics of sets, made from their definitions. */
export function metricsPage(): Page {
  const docstrings = docstringsOf("packages/core/src/metrics");
  const list = metricFactories.map(({ info: { name, summary, better } }) =>
    row(`[${code(name)}](#${name})`, cell(summary), better === "higher" ? "↑" : "↓"),
  );
  const markdown = `# Metrics of sets

Metrics of a set of outputs, most of them against a set of real images, made from their definitions. \`↑\`: higher is better; \`↓\`: lower. [Metrics of sets of images](../distribution.md) says how they are
computed of folders, and of which networks' features; \`npx reconloss distribution --help\` lists the options on a terminal.

${table(["metric", "what it measures", "better"], list)}

${metricFactories.map((factory) => metricSection(factory, docstrings)).join("\n\n")}
`;
  return { source: "docs/metrics/index.md", markdown, title: "Metrics of sets", weight: 1.5 };
}
