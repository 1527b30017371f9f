import { describe, expect, test } from "vitest";
import { brokenLinks, documents, readDocument } from "../../site/links.ts";
import { anchorOf, readMarkdown } from "../../site/markdown.ts";

describe("links between documents", () => {
  test.each(documents())("of %s lead to existing files and headings", (path) => {
    expect(brokenLinks(path, readDocument(path))).toEqual([]);
  });

  test("that are broken are found, with their lines", () => {
    const text = readMarkdown(
      [
        "[heading](conventions.md#names) [file](../action.yml) [web](https://example.org/)",
        "",
        "[a](nothing.md)",
        '<img src="nothing.png">',
        "[b](conventions.md#no-such-heading)",
        "",
        "| ![c](../../outside.png) |",
        "|---|",
        "| [d](#nowhere) |",
      ].join("\n"),
    );
    expect(brokenLinks("docs/new.md", text)).toEqual([
      "docs/new.md:3: nothing.md leads to no file",
      "docs/new.md:3: nothing.png leads to no file",
      "docs/new.md:3: conventions.md#no-such-heading leads to no heading",
      "docs/new.md:7: ../../outside.png leads out of the repository",
      "docs/new.md:9: #nowhere leads to no heading",
    ]);
  });
});

// As GitHub's pages of these headings have them.
test("anchors are those that GitHub makes", () => {
  expect(anchorOf("Means and conditions")).toBe("means-and-conditions");
  expect(anchorOf("`--json`: what's in it?")).toBe("--json-whats-in-it");
  expect(anchorOf("C++ & Σ_x, 95 %")).toBe("c--σ_x-95-");
  expect([...readMarkdown("# A\n\n## A\n\n## A").anchors]).toEqual(["a", "a-1", "a-2"]);
});
