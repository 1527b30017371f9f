/**
 * `npm run release -- 0.2.0 [--dry-run] [--skip-gate]`: makes a release of the packages in the working folder, and publishes nothing. RELEASING.md is the checklist around it.
 *
 * It requires main without changes, a section of CHANGELOG.md with the version and its date, and the gate (`.ci/run`), which it runs; then sets the version in both packages and the lock file, builds and packs, checks
 * what was packed, commits, tags, and prints what is left to do. Whatever fails, and after a dry run, versions are what they were, and there is no commit, tag or tarball.
 */
import { execFileSync, type StdioOptions } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

/** The packages in the order in which they are published: the second depends on the first. */
const folders = ["packages/core", "packages/reconloss"] as const;
/** The file with the versions that were installed, and the one with the changes. */
const [lockFile, changelog] = ["package-lock.json", "CHANGELOG.md"];
/** Scripts that would run where a package is installed. */
const installScripts = ["preinstall", "install", "postinstall", "prepare", "preprepare", "postprepare"];
/** Endings of files that a package has; anything else was packed by mistake. */
const packedFiles = /\.(?:js|d\.ts|json|wasm|md|txt|bin|safetensors)$|^LICENSE$/;
/** A package of more bytes has something in it that is not code. */
const mostBytes = 5_000_000;

/** A state of the repository, or a package, that is not to be released. */
class Refusal extends Error {}

function refuse(message: string): never {
  throw new Refusal(message);
}

interface Manifest {
  name: string;
  version: string;
  main?: string;
  types?: string;
  bin?: Record<string, string>;
  exports?: unknown;
  imports?: unknown;
  scripts?: Record<string, string>;
  dependencies?: Record<string, string>;
}

/** What `npm pack --json` says of a tarball. */
interface Packed {
  name: string;
  version: string;
  filename: string;
  unpackedSize: number;
  files: { path: string }[];
}

const print = (text = "") => process.stdout.write(`${text}\n`);
const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, "utf8"));
const writeJson = (path: string, value: unknown) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

function run(program: string, args: readonly string[], stdio: StdioOptions = ["ignore", "pipe", "inherit"]): string {
  // Windows has npm as a script of its shell.
  const shell = process.platform === "win32" && program === "npm";
  return (execFileSync(program, args, { encoding: "utf8", stdio, shell }) ?? "").trim();
}

const git = (...args: string[]) => run("git", args);

/** Compares two versions, the parts before a hyphen by number: below 0 where the first is the older one. */
function compareVersions(a: string, b: string): number {
  const parts = (version: string) => version.split("-")[0].split(".").map(Number);
  const [x, y] = [parts(a), parts(b)];
  const index = x.findIndex((part, i) => part !== y[i]);
  if (index !== -1) return x[index] - y[index];
  // A version with a hyphen comes before the one without.
  return Number(!a.includes("-")) - Number(!b.includes("-"));
}

/** Refuses a version that is none, was released, or is older than what is there. */
function checkVersion(version: string): void {
  if (!/^\d+\.\d+\.\d+(-[a-z]+\.\d+)?$/.test(version)) refuse(`${version} is no version; write 0.2.0 or 0.2.0-rc.1`);
  if (git("tag", "--list", `v${version}`) !== "") refuse(`${version} was released: there is a tag v${version}`);
  const versions = new Set(folders.map((folder) => readJson<Manifest>(join(folder, "package.json")).version));
  if (versions.size > 1) refuse(`the packages have several versions: ${[...versions].join(", ")}`);
  const [current] = versions;
  if (compareVersions(version, current) < 0) refuse(`${version} is older than ${current}`);
}

function checkTree(): void {
  const branch = git("rev-parse", "--abbrev-ref", "HEAD");
  if (branch !== "main") refuse(`the branch is ${branch}; releases are made of main`);
  const changes = git("status", "--porcelain");
  if (changes !== "") refuse(`there are changes that are not committed:\n${changes}`);
}

/** Refuses where the changes have no section with the version and a date up to today, or one without an entry. */
function checkChangelog(version: string): void {
  const sections = readFileSync(changelog, "utf8").split(/^## /m).slice(1);
  const section = sections.find((text) => text.startsWith(`${version} `));
  const wanted = `## ${version} (${new Date().toISOString().slice(0, 10)})`;
  if (section === undefined) refuse(`${changelog} has no section of this version; its heading is to be "${wanted}"`);
  const [heading, ...lines] = section.split("\n");
  const date = /^\S+ \((\d{4}-\d{2}-\d{2})\)\s*$/.exec(heading)?.[1];
  const time = Date.parse(date ?? "");
  if (Number.isNaN(time)) refuse(`${changelog}: "## ${heading}" has no date; write "${wanted}"`);
  if (time > Date.now()) refuse(`${changelog}: "## ${heading}" is in the future`);
  if (!lines.some((line) => line.startsWith("- "))) refuse(`${changelog}: "## ${heading}" has no entry`);
}

/** Writes the version into the packages, into the dependency of one on the other, and into the lock file. */
function setVersion(version: string): void {
  interface Lock {
    packages: Record<string, Pick<Manifest, "version" | "dependencies">>;
  }
  const names = folders.map((folder) => readJson<Manifest>(join(folder, "package.json")).name);
  const change = (entry: Pick<Manifest, "version" | "dependencies">) => {
    entry.version = version;
    for (const name of names) if (entry.dependencies?.[name] !== undefined) entry.dependencies[name] = version;
  };
  const lock = readJson<Lock>(lockFile);
  for (const folder of folders) {
    const path = join(folder, "package.json");
    const manifest = readJson<Manifest>(path);
    change(manifest);
    writeJson(path, manifest);
    if (lock.packages[folder] === undefined) refuse(`${lockFile} does not know ${folder}; run npm install`);
    change(lock.packages[folder]);
  }
  writeJson(lockFile, lock);
}

/** Returns the files that a part of package.json names, `./dist/index.js`. */
function filesNamed(value: unknown): string[] {
  if (typeof value === "string") return value.startsWith("./") ? [value.slice(2)] : [];
  return value !== null && typeof value === "object" ? Object.values(value).flatMap(filesNamed) : [];
}

/** Returns what is wrong with a tarball, a line for each fault. */
async function faultsOf(
  folder: string,
  { filename, ...packed }: Packed,
  version: string,
  place: string,
): Promise<string[]> {
  const manifest = readJson<Manifest>(join(folder, "package.json"));
  const has = new Set(packed.files.map(({ path }) => path));
  const { main, types, bin, exports, imports, dependencies = {}, scripts = {} } = manifest;
  const named = filesNamed([main, types, bin, exports, imports]);
  const own = folders.map((each) => readJson<Manifest>(join(each, "package.json")).name);
  const tarball = readFileSync(join(place, filename));
  const bytes = tarball.buffer.slice(tarball.byteOffset, tarball.byteOffset + tarball.byteLength) as ArrayBuffer;
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, strict: true });
  return [
    ...(packed.version === version ? [] : [`its version is ${packed.version}`]),
    ...["LICENSE", "README.md"].filter((file) => !has.has(file)).map((file) => `${file} is missing`),
    ...named.filter((file) => !has.has(file)).map((file) => `${file} is named in package.json and missing`),
    ...[...has].filter((file) => !packedFiles.test(file)).map((file) => `${file} does not belong into a package`),
    ...installScripts.filter((script) => scripts[script]).map((script) => `the script ${script} would run at users'`),
    ...own
      .filter((name) => dependencies[name] && dependencies[name] !== version)
      .map((name) => `it depends on another ${name}`),
    ...(packed.unpackedSize > mostBytes ? [`it has ${packed.unpackedSize} bytes, more than ${mostBytes}`] : []),
    ...messages.map((message) => formatMessage(message, pkg) ?? message.code),
  ];
}

/** Builds and packs both packages into a folder, and refuses what should not be published. */
async function pack(version: string, place: string): Promise<Packed[]> {
  run("npm", ["run", "build"], "inherit");
  mkdirSync(place, { recursive: true });
  const workspaces = folders.flatMap((folder) => ["--workspace", folder]);
  const printed = run("npm", ["pack", "--json", "--ignore-scripts", ...workspaces, "--pack-destination", place]);
  const tarballs: Packed[] = JSON.parse(printed);
  const faults: string[] = [];
  for (const [index, tarball] of tarballs.entries()) {
    print(`${tarball.filename}: ${tarball.files.length} files, ${(tarball.unpackedSize / 1e6).toFixed(1)} MB unpacked`);
    const found = await faultsOf(folders[index], tarball, version, place);
    faults.push(...found.map((fault) => `${tarball.name}: ${fault}`));
  }
  if (faults.length > 0) refuse(`what was packed is not to be published:\n${faults.join("\n")}`);
  return tarballs;
}

/** The files that a release changes, as they were. */
function keep(): () => void {
  const paths = [...folders.map((folder) => join(folder, "package.json")), lockFile];
  const texts = paths.map((path) => readFileSync(path));
  return () => {
    for (const [index, path] of paths.entries()) writeFileSync(path, texts[index]);
  };
}

/** Commits and tags; without the tag there is no commit either. */
function commit(version: string): void {
  const before = git("rev-parse", "HEAD");
  try {
    git("add", lockFile, ...folders.map((folder) => join(folder, "package.json")));
    // Of a version that the files had already there is nothing to commit.
    if (git("diff", "--cached", "--name-only") !== "") git("commit", "--quiet", "--message", `Release ${version}`);
    git("tag", "--annotate", `v${version}`, "--message", `reconloss ${version}`);
  } catch (error) {
    git("reset", "--quiet", "--soft", before);
    git("reset", "--quiet");
    throw error;
  }
}

async function release(version: string, { dryRun, skipGate }: { dryRun: boolean; skipGate: boolean }): Promise<void> {
  checkVersion(version);
  checkTree();
  checkChangelog(version);
  if (!skipGate) run("bash", [".ci/run"], "inherit");
  checkTree();

  const place = join("dist", `release-${version}`);
  const restore = keep();
  // Ctrl-C ends the program that runs, whose failure then restores the files.
  const wait = () => {};
  process.on("SIGINT", wait);
  let isReleased = false;
  try {
    rmSync(place, { recursive: true, force: true });
    setVersion(version);
    const tarballs = await pack(version, place);
    if (dryRun) {
      print(`\n${version} can be released; nothing was changed.`);
      return;
    }
    commit(version);
    isReleased = true;
    printNext(
      version,
      tarballs.map(({ filename }) => join(place, filename)),
    );
  } finally {
    if (!isReleased) {
      restore();
      rmSync(place, { recursive: true, force: true });
    }
    process.off("SIGINT", wait);
  }
}

/** Prints what is left to do by hand. */
function printNext(version: string, tarballs: readonly string[]): void {
  const tag = version.includes("-") ? " --tag next" : "";
  print(`\n${version} is committed and tagged here. What is left, once the checks of the push have passed:\n`);
  print(`git push --atomic origin main v${version}`);
  for (const path of tarballs) print(`npm publish ${path} --access public${tag}`);
  print(
    "\nThe order counts, since the second package depends on the first. Add --provenance in a workflow of GitHub that has",
  );
  print("the permission id-token: write; npm cannot prove the origin elsewhere. RELEASING.md says what comes after.");
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "dry-run": { type: "boolean", default: false }, "skip-gate": { type: "boolean", default: false } },
});
try {
  if (positionals.length !== 1 || !folders.every((folder) => existsSync(folder)))
    refuse("usage, in the repository: npm run release -- VERSION [--dry-run] [--skip-gate]");
  await release(positionals[0], { dryRun: values["dry-run"], skipGate: values["skip-gate"] });
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`not released: ${message}\n`);
  process.exitCode = 1;
}
