import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The folders of a package's src, lower to higher; a `.` stands for files beside them, `top` for those named here. */
interface Layers {
  folder: string;
  layers: string[];
  /** Files beside the folders that stand above all of them. */
  top: string[];
  /** Packages that only some folders may import, or all (`*`). */
  packages: Record<string, string[]>;
}

const core: Layers = {
  folder: "packages/core/src",
  layers: [
    ".",
    "runtimes",
    "graph",
    "kernels",
    "pixels",
    "weights",
    "nets",
    "definitions",
    "engines",
    "losses",
    "metrics",
    "train",
    "tensorflow",
    "jax",
    "webgpu",
  ],
  top: ["grammar.ts", "index.ts", "internal.ts"],
  packages: {
    "*": [],
    graph: ["onnx-buf", "@bufbuild/protobuf"],
    runtimes: ["#runtime", "onnxruntime-node", "onnxruntime-web"],
    weights: ["fflate"],
    nets: ["fflate"],
  },
};

const machine: Layers = {
  folder: "packages/reconloss/src",
  // The first five give core's entries on.
  layers: [
    ...["graph", "kernels", "metrics", "nets", "pixels"],
    ...[
      ".",
      "weights",
      "image",
      "onnx",
      "train",
      "tasks",
      "compare",
      "judge",
      "figure",
      "quality",
      "distribution",
      "shards",
      "cluster",
      "report",
      "video",
      "matchers",
      "vitest",
      "cli",
    ],
  ],
  top: ["index.ts"],
  packages: {
    "*": ["@reconloss/core", "node:"],
    "http.ts": ["undici"],
    weights: ["undici"],
    image: ["sharp"],
    quality: ["sharp"],
    distribution: ["hyparquet", "undici"],
    cluster: ["bullmq", "ioredis"],
    figure: ["pdfkit"],
    report: ["sharp"],
    video: ["sharp"],
    cli: ["commander", "cli-progress", "cli-table3", "picocolors"],
  },
};

interface Import {
  from: string;
  specifier: string;
  /** Whether the compiler leaves it out of the program. */
  typeOnly: boolean;
}

/** Returns what a file imports: statements, re-exports, calls of import() and types by import(). */
function importsOf(path: string): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node | undefined, typeOnly: boolean) => {
    if (node && ts.isStringLiteralLike(node)) found.push({ from: path, specifier: node.text, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest));
  return found;
}

/** The TypeScript sources of a folder; those of the kernels are AssemblyScript, another language. */
const sourcesOf = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.includes(`${sep}assembly${sep}`))
    .map((path) => join(root, folder, path));

/** Returns the rank of a file: the number of its folder among the layers, and above all of them for the top. */
function rankOf({ folder, layers, top }: Layers, path: string): number {
  const inside = relative(join(root, folder), path);
  if (top.includes(inside)) return layers.length + top.indexOf(inside);
  const first = inside.split(sep)[0];
  return layers.indexOf(inside.includes(sep) ? first : ".");
}

const shown = ({ from, specifier }: Import) => `${relative(root, from)} imports ${specifier}`;
const isRelative = ({ specifier }: Import) => specifier.startsWith(".");

describe.each([
  ["@reconloss/core", core],
  ["reconloss", machine],
] as const)("the sources of %s", (_, layers) => {
  const sources = sourcesOf(layers.folder);
  const imports = sources.flatMap(importsOf);

  test("are all in a known folder", () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.filter((path) => rankOf(layers, path) < 0).map((path) => relative(root, path))).toEqual([]);
  });

  test("import only files of their own folder and of those below it", () => {
    const upward = imports.filter(isRelative).filter(({ from, specifier }) => {
      const target = join(dirname(from), specifier);
      if (target === join(root, layers.folder, "../package.json")) return false;
      return !target.startsWith(join(root, layers.folder)) || rankOf(layers, target) > rankOf(layers, from);
    });
    expect(upward.map(shown)).toEqual([]);
  });

  test("import only the packages that their folder may", () => {
    const unexpectedNames = imports.filter((it) => {
      if (isRelative(it)) return false;
      const folder = relative(join(root, layers.folder), it.from).split(sep)[0];
      const allowed = [...layers.packages["*"], ...(layers.packages[folder] ?? [])];
      return !allowed.some(
        (name) => it.specifier === name || it.specifier.startsWith(name.endsWith(":") ? name : `${name}/`),
      );
    });
    expect(unexpectedNames.map(shown)).toEqual([]);
  });

  test("have no import cycle", () => {
    const next = new Map<string, string[]>(sources.map((path) => [path, []]));
    for (const it of imports) {
      if (isRelative(it) && !it.typeOnly) next.get(it.from)?.push(join(dirname(it.from), it.specifier));
    }
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (path: string, trail: string[]): void => {
      const start = trail.indexOf(path);
      if (start >= 0) {
        circles.push([...trail.slice(start), path].map((file) => relative(root, file)).join(" > "));
        return;
      }
      if (done.has(path)) return;
      for (const target of next.get(path) ?? []) walk(target, [...trail, path]);
      done.add(path);
    };
    for (const path of sources) walk(path, []);
    expect(circles).toEqual([]);
  });
});

test("the compiler refuses Node and DOM types in core", () => {
  const folder = join(root, "packages/core");
  const { config } = ts.readConfigFile(join(folder, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  const path = join(folder, "src", "not-core.ts");
  const text = `import { readFile } from "node:fs/promises";
export const machine = [readFile, process.env, document.title, Buffer.alloc(1)];
`;
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (name) => (name === path ? text : readFile(name));
  host.fileExists = (name) => name === path || fileExists(name);
  host.getSourceFile = (name, target) => ts.createSourceFile(name, host.readFile(name) ?? "", target);
  const program = ts.createProgram([path, join(folder, "globals.d.ts")], options, host);
  const source = program.getSourceFile(path);
  const messages = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  const words = messages.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
  expect(words).toEqual([
    expect.stringMatching(/^Cannot find name 'node:fs\/promises'|^Cannot find module 'node:fs\/promises'/),
    expect.stringMatching(/^Cannot find name 'process'/),
    expect.stringMatching(/^Cannot find name 'document'/),
    expect.stringMatching(/^Cannot find name 'Buffer'/),
  ]);
});
