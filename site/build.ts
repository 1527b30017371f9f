import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { apiPages } from "./api.ts";
import { layout, navigationOf } from "./layout.ts";
import { documents, root } from "./links.ts";
import { lossPages, pageOfName } from "./losses.ts";
import { metricsPage } from "./metrics.ts";
import { searchIndex } from "./search-index.ts";
import { addressOf, Links, type MadeFile, type Page, readPages } from "./site.ts";

/** The file of the passages that the search looks through. */
const searchFile = "search-index.js";

/** The parts of the site that take long, each of which can be left out. */
export interface Parts {
  readonly playground?: boolean;
  readonly api?: boolean;
  /** The losses that are evaluated for their pages, with values and maps. Default: all. */
  readonly pictures?: (name: string) => boolean;
}

/** The documents that are pages of the site. */
function documentPages(): Page[] {
  return documents()
    .filter((path) => !path.startsWith("packages/"))
    .map((source) => ({
      source,
      markdown: readFileSync(join(root, source), "utf8"),
      ...(source === "README.md" && { title: "What it is" }),
    }));
}

/** Refuses to empty a folder that holds anything else than a site. */
function refuseOther(folder: string): void {
  if (!existsSync(folder) || existsSync(join(folder, searchFile)) || readdirSync(folder).length === 0) return;
  throw new Error(`${folder} is not empty and holds no site: name another folder with --out`);
}

/** Writes the site to a folder, which is emptied where it holds a site already; returns how many pages it has. Throws where a link of a page leads nowhere. */
export async function buildSite(
  folder: string,
  { playground = true, api = true, pictures = () => true }: Parts = {},
): Promise<number> {
  const losses = await lossPages({ playground, pictures });
  const pages = readPages([...documentPages(), ...losses.pages, metricsPage(), ...(api ? await apiPages() : [])]);
  const made: readonly MadeFile[] = losses.files;
  const links = new Links(pages, new Set([...made.map(({ path }) => path), "docs/playground/index.html"]), pageOfName);
  refuseOther(folder);
  rmSync(folder, { recursive: true, force: true });
  const write = (address: string, content: string | Uint8Array) => {
    const path = join(folder, address);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  };

  const addresses = new Set([...pages.values()].map(({ address }) => address));
  if (playground) addresses.add("playground/index.html");
  const shared = { entries: navigationOf(pages), has: (address: string) => addresses.has(address) };
  const isFile = new Set(documents());
  for (const page of pages.values()) {
    const html = page.text.html({
      link: (href) => links.resolve(page, href),
      nameLink: (name) => links.ofName(page, name),
    });
    write(page.address, layout(page, html, { ...shared, isFile: isFile.has(page.source) }));
  }
  if (links.broken.length > 0) throw new Error(`links of the site lead nowhere:\n${links.broken.join("\n")}`);
  for (const path of links.files) {
    mkdirSync(dirname(join(folder, addressOf(path))), { recursive: true });
    copyFileSync(join(root, path), join(folder, addressOf(path)));
  }
  for (const { path, bytes } of made) write(addressOf(path), bytes);
  write(searchFile, `globalThis.searchIndex = ${JSON.stringify(searchIndex(pages.values()))};\n`);
  copyFileSync(join(root, "site/style.css"), join(folder, "style.css"));
  copyFileSync(join(root, "web/public/icon.svg"), join(folder, "icon.svg"));
  // The search is part of site.js, whose licence asks for its text beside it.
  copyFileSync(join(root, "node_modules/minisearch/LICENSE.txt"), join(folder, "site.js.LICENSE.txt"));
  await build({
    entryPoints: { site: join(root, "site/client/main.ts"), theme: join(root, "site/client/theme.ts") },
    outdir: folder,
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    logLevel: "warning",
  });
  if (playground) {
    // By a process of its own: Vite builds for production by NODE_ENV.
    const { NODE_ENV: _, ...env } = process.env;
    const vite = [join(root, "node_modules/vite/bin/vite.js"), "build", "--config", "web/vite.config.ts"];
    const outDir = join(folder, "playground");
    execFileSync(process.execPath, [...vite, "--logLevel", "error", "--outDir", outDir], {
      cwd: root,
      env,
      stdio: "inherit",
    });
  }
  return pages.size;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { out: { type: "string", default: join(root, "site/dist") } } });
  const count = await buildSite(values.out);
  console.log(`${count} pages in ${values.out}; open index.html, or serve the folder at any address`);
}
