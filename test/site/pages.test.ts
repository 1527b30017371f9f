import { readFileSync } from "node:fs";
import { metricFactories } from "@reconloss/core/metrics";
import { describe, expect, test } from "vitest";
import { parseLosses } from "../../packages/core/src/index.ts";
import { apiPages, entries } from "../../site/api.ts";
import { documents } from "../../site/links.ts";
import { documentedLosses, lossIndex, lossPage } from "../../site/losses.ts";
import { readMarkdown } from "../../site/markdown.ts";
import { measuredRows } from "../../site/measured.ts";
import { metricsPage } from "../../site/metrics.ts";
import { arrange, fits } from "../../site/navigation.ts";

const all = documentedLosses();

/** The first cells of the tables of a page. */
function firstCells(markdown: string): string[] {
  return [...markdown.matchAll(/^\| (.*?) \|/gm)].map(([, cell]) => cell);
}

describe("the page of a loss or metric:", () => {
  test.each(all.map((documented) => [documented.factory.info.name, documented] as const))(
    "%s shows its definition",
    (name, documented) => {
      const { info } = documented.factory;
      const { markdown, source } = lossPage(documented, { rows: [] });
      expect(source).toBe(`docs/losses/${name}.md`);
      const cells = firstCells(markdown);
      for (const option of Object.keys(info.options)) expect(cells).toContain(`\`${option}\``);
      for (const preset of info.options.preset?.words ?? []) {
        expect(
          cells.some((cell) => cell.startsWith(`\`preset=${preset}\``)),
          preset,
        ).toBe(true);
      }
      expect(markdown).toContain(info.source.replaceAll("|", "\\|").replaceAll("<", "&lt;"));
      expect(markdown).toContain(documented.docstring.text);
      // A loss whose definition lacks them has half a page.
      expect(info.formula).toMatch(/\S/);
      expect(info.use).toMatch(/\.$/);
      expect(cells).toContain("Formula");
      expect(cells).toContain("Use it");
      expect(documented.docstring.examples.length).toBeGreaterThan(0);
      for (const [, specs] of markdown.matchAll(/ -m "?([^"\n]+?)"?(?: --maps .*)?$/gm)) {
        expect(
          parseLosses(specs).every((loss) => loss.name === name),
          specs,
        ).toBe(true);
      }
    },
  );
});

test("presets are listed with all options that they change, also through dependent defaults", () => {
  const ssim = all.find(({ factory }) => factory.info.name === "ssim")!;
  const { markdown } = lossPage(ssim, { rows: [] });
  // scikit-image's `structural_similarity`: a uniform window of 7 pixels, covariances divided by N - 1.
  expect(markdown).toContain("| `preset=skimage` | `window=uniform`, `size=7`, `covariance=sample` |");
  expect(markdown).toContain("| `preset=wang` (default) | the defaults |");
});

test("every loss is listed once, under its kind", () => {
  const { markdown } = lossIndex(all);
  for (const { factory } of all) {
    expect(markdown.split(`](${factory.info.name}.md)`).length, factory.info.name).toBe(2);
  }
  const under = (title: string) => markdown.split(/^## /m).find((part) => part.startsWith(title));
  expect(under("Of the output alone")).toContain("[`tv`](tv.md)");
  expect(under("By networks")).toContain("[`lpips`](lpips.md)");
  expect(under("Adversarial")).toContain("[`gan`](gan.md)");
  expect(under("Of output and target")).toContain("[`ssim`](ssim.md)");
});

test("every metric of sets has a section, with its options", () => {
  const { markdown } = metricsPage();
  const { headings } = readMarkdown(markdown);
  for (const { info } of metricFactories) {
    expect(headings.map(({ text }) => text)).toContain(info.name);
    const section = markdown.split(`\n## ${info.name}\n`)[1].split("\n## ")[0];
    expect(firstCells(section)).toEqual(
      expect.arrayContaining(Object.keys(info.options).map((option) => `\`${option}\``)),
    );
    expect(section).toContain(`--metrics ${info.name}`);
  }
});

test("a loss's page shows its rows of the documents' measured tables", () => {
  const rows = measuredRows(["fsim", "tv"]);
  const lines = readFileSync(new URL("../../docs/monotonicity.md", import.meta.url), "utf8").split("\n");
  for (const name of ["fsim", "tv"]) {
    const { table } = rows.get(name)!.find(({ path }) => path === "docs/monotonicity.md")!;
    expect(table).toEqual([
      lines.find((line) => line.startsWith("| loss |")),
      "| --- | ---: | ---: | --- |",
      lines.find((line) => line.startsWith(`| \`${name}\` |`)),
    ]);
  }
});

test("a loss's page shows its rows of the benchmarks, and no other library's", () => {
  const { table } = measuredRows(["ms-ssim", "deltaE"])
    .get("ms-ssim")!
    .find(({ heading }) => heading === "Results")!;
  const lines = readFileSync(new URL("../../docs/benchmarks.md", import.meta.url), "utf8").split("\n");
  expect(table.slice(2)).toEqual(lines.filter((line) => /\| ms-ssim, [^|]*\| reconloss \|/.test(line)));
  expect(table.length).toBeGreaterThan(2);
});

describe("the navigation", () => {
  test("contains every document once", () => {
    const pages = documents().filter((path) => !path.startsWith("packages/"));
    const arranged = arrange(pages).flatMap(({ paths }) => paths);
    expect(arranged.toSorted()).toEqual(pages.toSorted());
  });

  test("matches * within a name, and ** across folders", () => {
    expect(fits("docs/start-judge.md", "docs/start-*.md")).toBe(true);
    expect(fits("docs/a/b.md", "docs/*.md")).toBe(false);
    expect(fits("docs/a/b.md", "docs/**.md")).toBe(true);
    expect(fits("docs/axmd", "docs/a.md")).toBe(false);
  });
});

test("the API reference has an entry's exports, each with its doc comment", async () => {
  const names = ["reconloss/matchers", "reconloss/vitest"];
  const pages = await apiPages(entries().filter(({ name }) => names.includes(name)));
  for (const name of names) {
    expect(pages.find(({ source }) => source === `docs/api/${name}/index.md`)?.markdown).toMatch(`# ${name}\n`);
  }
  const { markdown } = pages.find(({ source }) => source === "docs/api/reconloss/matchers/functions/toMatchImage.md")!;
  expect(readMarkdown(markdown).headings[0].text).toBe("toMatchImage()");
  expect(markdown).toContain('import { toMatchImage } from "reconloss/matchers";');
});

test("the API reference covers every entry of both packages except the internal one", () => {
  const names = entries().map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(["@reconloss/core", "@reconloss/core/graph", "reconloss", "reconloss/matchers"]),
  );
  expect(names).not.toContain("@reconloss/core/internal");
  for (const { source } of entries())
    expect(() => readFileSync(new URL(`../../${source}`, import.meta.url))).not.toThrow();
});
