import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path/posix";
import { Application, type TypeDocOptions } from "typedoc";
import { filesUnder, root } from "./links.ts";
import { type Page, repository } from "./site.ts";

/** An entry of a package: the name that programs import, and its source. */
export interface Entry {
  readonly name: string;
  readonly source: string;
}

/** Returns the entries of both packages that are documented. */
export function entries(): Entry[] {
  return ["core", "reconloss"].flatMap((folder) => {
    const { name, exports } = JSON.parse(readFileSync(join(root, `packages/${folder}/package.json`), "utf8"));
    return Object.keys(exports)
      .filter((path) => !path.endsWith(".json") && path !== "./internal")
      .map((path) => ({
        name: path === "." ? name : `${name}${path.slice(1)}`,
        source: join(`packages/${folder}/src`, path, "index.ts"),
      }));
  });
}

const options: Partial<TypeDocOptions> & Readonly<Record<string, unknown>> = {
  tsconfig: join(root, "tsconfig.json"),
  plugin: ["typedoc-plugin-markdown"],
  // Types are checked by `npm run check`.
  skipErrorChecking: true,
  excludePrivate: true,
  excludeInternal: true,
  excludeExternals: true,
  readme: "none",
  name: "API",
  basePath: root,
  disableGit: true,
  gitRevision: "main",
  sourceLinkTemplate: `${repository}/blob/main/{path}#L{line}`,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  entryFileName: "index",
  pageTitleTemplates: { member: "{name}", module: "{name}" },
  logLevel: "Warn",
};

/** Returns a page for each entry of the packages, of which there are several, and each of its exports, made by TypeDoc from types and doc comments. TypeDoc prints what it finds wrong in comments. */
export async function apiPages(all: readonly Entry[] = entries()): Promise<Page[]> {
  const folder = mkdtempSync(join(tmpdir(), "api-"));
  try {
    const app = await Application.bootstrapWithPlugins({
      ...options,
      entryPoints: all.map(({ source }) => join(root, source)),
      outputs: [{ name: "markdown", path: folder }],
    });
    const project = await app.convert();
    if (project === undefined) throw new Error("TypeDoc made no documentation of the code");
    for (const module of project.children ?? []) {
      const path = module.sources?.[0]?.fileName ?? "";
      module.name = all.find(({ source }) => path.endsWith(source))?.name ?? module.name;
    }
    await app.generateOutputs(project);
    if (app.logger.hasErrors()) throw new Error("TypeDoc failed: see above");
    return filesUnder(folder)
      .filter((path) => path.endsWith(".md"))
      .toSorted((a, b) => (dirname(a) < dirname(b) ? -1 : 1))
      .map((path) => {
        return {
          source: `docs/api/${path}`,
          markdown: readFileSync(join(folder, path), "utf8"),
          hidden: basename(path) !== "index.md",
          weight: 0.5,
          isBrief: true,
        };
      });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
