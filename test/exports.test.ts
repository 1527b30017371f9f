import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

// The public surface is what these lists say: a name that is added, renamed or taken away shows in a review as a changed line.
// `npx vitest run test/exports.test.ts -u` writes them anew.

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"));

/** The source of each entry of a package, by the name that it is imported by. */
function entriesOf(folder: string): [name: string, source: string][] {
  const { name, exports } = read(`packages/${folder}/package.json`);
  return Object.keys(exports)
    .filter((key) => key !== "./package.json")
    .map((key) => {
      const built: string = exports[key].types;
      const source = built.replace("./dist/", `packages/${folder}/src/`).replace(/\.d\.ts$/, ".ts");
      return [key.replace(/^\./, name), join(root, source)];
    });
}

const entries = { core: entriesOf("core"), reconloss: entriesOf("reconloss") };
const { options } = ts.parseJsonConfigFileContent(read("tsconfig.json"), ts.sys, root);
const program = ts.createProgram(
  Object.values(entries).flatMap((list) => list.map(([, source]) => source)),
  options,
);
const checker = program.getTypeChecker();

/** Returns what a module exports, types as `type Name`. */
function exportsOf(source: string): string[] {
  const file = program.getSourceFile(source);
  const module = file && checker.getSymbolAtLocation(file);
  if (!module) throw new Error(`${source} is no module`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) => {
      const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return meant.flags & ts.SymbolFlags.Value ? symbol.name : `type ${symbol.name}`;
    })
    .sort();
}

test.each(Object.entries(entries))("the public exports of every entry of packages/%s", async (folder, list) => {
  const surface = list.map(([name, source]) => [name, ...exportsOf(source).map((line) => `  ${line}`), ""].join("\n"));
  await expect(surface.join("\n")).toMatchFileSnapshot(`exports/${folder}.txt`);
});
