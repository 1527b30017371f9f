import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { describe, expect, inject, test } from "vitest";
import { installed } from "./setup.ts";

const published = inject("published");
const manifest = (folder: string) =>
  JSON.parse(readFileSync(new URL(`../../packages/${folder}/package.json`, import.meta.url), "utf8"));

describe.each(["core", "reconloss"] as const)("packages/%s", (name) => {
  const tarball = readFileSync(published[name]);

  test("passes publint", async () => {
    const data = tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength) as ArrayBuffer;
    const { messages, pkg } = await publint({ pack: { tarball: data }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  test("has types that match the program under each ES module resolution", async () => {
    const result = await checkPackage(createPackageFromTarballData(tarball));
    // The packages are ES modules: require() of one is an error in both places, and resolution of before 2021 knows no subpaths.
    const relevant = (kind: unknown) => kind !== "node10" && kind !== "node16-cjs";
    const problems = result.types ? result.problems : [{ kind: "NoTypes" }];
    expect(problems.filter((problem) => relevant("resolutionKind" in problem ? problem.resolutionKind : ""))).toEqual(
      [],
    );
  });
});

/** Type-checks programs that import entries of what is installed in the folder. */
function diagnose(folder: string, entries: readonly string[], options: ts.CompilerOptions): string[] {
  const files = entries.map((entry, index) => {
    const path = join(folder, `entry-${index}.ts`);
    writeFileSync(path, `import * as entry from "${entry}";\nexport default entry;\n`);
    return path;
  });
  const program = ts.createProgram(files, {
    strict: true,
    skipLibCheck: false,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts"],
    types: [],
    noEmit: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    ...options,
  });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => `${file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
}

const entriesOf = (folder: string): string[] => {
  const { name, exports } = manifest(folder);
  return Object.keys(exports)
    .filter((key) => key !== "./package.json")
    .map((key) => key.replace(/^\./, name));
};

test("every entry of reconloss passes tsc --strict with library checks, without Node's types", () => {
  const folder = mkdtempSync(join(published.scratch, "types-all-"));
  installed(folder, [published.core, published.reconloss]);
  const module = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext };
  // AbortSignal, which Node has too, is known of the DOM's types.
  const options = { ...module, lib: ["lib.es2022.d.ts", "lib.dom.d.ts"] };
  expect(diagnose(folder, entriesOf("reconloss"), options)).toEqual([]);
});

test.each([
  ["NodeNext", { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }],
  ["Bundler", { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }],
])(
  "every entry of core passes tsc --strict with library checks, without Node's and the DOM's types: %s",
  (_, options) => {
    const folder = installed(mkdtempSync(join(published.scratch, "types-")), [published.core], ["--offline"]);
    expect(diagnose(folder, entriesOf("core"), options)).toEqual([]);
  },
);
