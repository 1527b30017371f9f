import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, describe, expect, test } from "vitest";

/** The release script in repositories of its own: two small packages, with a gate that succeeds or fails. */

const script = fileURLToPath(new URL("../../scripts/release.ts", import.meta.url));
const base = mkdtempSync(join(tmpdir(), "reconloss-release-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let root = "";
const write = (path: string, text: string) => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const read = (path: string) => readFileSync(join(root, path), "utf8");
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
const commitAll = () => {
  git("add", ".");
  git("commit", "--quiet", "--message", "A change");
};

const manifest = (name: string, more: object = {}) => ({
  name,
  version: "0.1.0",
  license: "MIT",
  type: "module",
  repository: { type: "git", url: "git+https://github.com/reconloss/reconloss.git", directory: `packages/${name}` },
  exports: { ".": "./dist/index.js" },
  files: ["dist"],
  engines: { node: ">=20" },
  scripts: { build: "node build.mjs" },
  ...more,
});
const build =
  'import { mkdirSync, writeFileSync } from "node:fs";\nmkdirSync("dist", { recursive: true });\nwriteFileSync("dist/index.js", "export const one = 1;\\n");\n';
const today = new Date().toISOString().slice(0, 10);
const changes = `# Changelog\n\n## 0.2.0 (${today})\n\n- More.\n\n## 0.1.0 (2020-01-01)\n\n- All.\n`;

beforeEach(() => {
  root = mkdtempSync(join(base, "repository-"));
  const core = manifest("@reconloss/core");
  const whole = manifest("reconloss", { dependencies: { "@reconloss/core": "0.1.0" } });
  write(
    "package.json",
    json({
      private: true,
      workspaces: ["packages/core", "packages/reconloss"],
      scripts: { build: "npm run build --workspaces" },
    }),
  );
  write(
    "package-lock.json",
    json({
      lockfileVersion: 3,
      packages: {
        "": { workspaces: ["packages/core", "packages/reconloss"] },
        "packages/core": { name: "@reconloss/core", version: "0.1.0" },
        "packages/reconloss": { version: "0.1.0", dependencies: { "@reconloss/core": "0.1.0" } },
      },
    }),
  );
  for (const [folder, content] of [
    ["core", core],
    ["reconloss", whole],
  ] as const) {
    write(`packages/${folder}/package.json`, json(content));
    write(`packages/${folder}/build.mjs`, build);
    write(`packages/${folder}/README.md`, "# A package\n");
    write(`packages/${folder}/LICENSE`, "MIT\n");
  }
  write("CHANGELOG.md", changes);
  write(".gitignore", "dist/\nnode_modules/\n");
  write(".ci/run", "echo the gate\n");
  chmodSync(join(root, ".ci/run"), 0o755);
  git("init", "--quiet", "--initial-branch", "main");
  git("config", "user.name", "Somebody");
  git("config", "user.email", "somebody@example.org");
  commitAll();
});

/** Runs the script in the repository. */
function release(...args: string[]) {
  const tsx = import.meta.resolve("tsx");
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", tsx, script, ...args], {
    cwd: root,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

/** Expects a refusal with a message, after which everything is as it was. */
function expectRefused(args: readonly string[], message: RegExp): void {
  const before = [git("rev-parse", "HEAD"), git("status", "--porcelain"), git("tag")];
  const { status, stderr } = release(...args);
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(message) });
  expect([git("rev-parse", "HEAD"), git("status", "--porcelain"), git("tag")]).toEqual(before);
  expect(existsSync(join(root, "dist")) ? readdirSync(join(root, "dist")) : []).toEqual([]);
}

test("sets the version everywhere, commits, tags, packs, and prints what to publish in which order", () => {
  const { status, stdout, stderr } = release("0.2.0");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("the gate");
  expect(JSON.parse(read("packages/core/package.json")).version).toBe("0.2.0");
  expect(JSON.parse(read("packages/reconloss/package.json"))).toMatchObject({
    version: "0.2.0",
    dependencies: { "@reconloss/core": "0.2.0" },
  });
  expect(JSON.parse(read("package-lock.json")).packages).toMatchObject({
    "packages/core": { version: "0.2.0" },
    "packages/reconloss": { version: "0.2.0", dependencies: { "@reconloss/core": "0.2.0" } },
  });
  expect(git("status", "--porcelain")).toBe("");
  expect(git("log", "-1", "--format=%s")).toBe("Release 0.2.0");
  expect(git("rev-parse", "v0.2.0^{commit}")).toBe(git("rev-parse", "HEAD"));
  const commands = stdout.split("\n").filter((line) => /^(git|npm) /.test(line));
  expect(commands).toEqual([
    "git push --atomic origin main v0.2.0",
    `npm publish ${join("dist", "release-0.2.0", "reconloss-core-0.2.0.tgz")} --access public`,
    `npm publish ${join("dist", "release-0.2.0", "reconloss-0.2.0.tgz")} --access public`,
  ]);
  for (const name of ["reconloss-core-0.2.0.tgz", "reconloss-0.2.0.tgz"])
    expect(existsSync(join(root, "dist", "release-0.2.0", name)), name).toBe(true);
  expectRefusedAgain();
});

/** The same version is not released twice. */
function expectRefusedAgain(): void {
  const { status, stderr } = release("0.2.0");
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/was released/) });
}

test("does all of it in a dry run, and leaves nothing behind", () => {
  const { status, stdout } = release("0.2.0", "--dry-run", "--skip-gate");
  expect(status).toBe(0);
  expect(stdout).toMatch(/reconloss-core-0\.2\.0\.tgz: 4 files/);
  expect(stdout).not.toContain("the gate");
  expect([git("status", "--porcelain"), git("tag"), existsSync(join(root, "dist/release-0.2.0"))]).toEqual([
    "",
    "",
    false,
  ]);
});

test("only tags the first release of the version that the packages already have", () => {
  const head = git("rev-parse", "HEAD");
  expect(release("0.1.0").status).toBe(0);
  expect([git("rev-parse", "HEAD"), git("rev-parse", "v0.1.0^{commit}")]).toEqual([head, head]);
});

describe("refuses, and leaves everything unchanged:", () => {
  test("an invalid version, or an older one", () => {
    expectRefused(["two"], /no version/);
    expectRefused(["0.0.9"], /older than 0\.1\.0/);
    expectRefused(["0.1.0-rc.1"], /older than 0\.1\.0/);
    expectRefused([], /usage/);
  });

  test("uncommitted changes, and another branch", () => {
    write("packages/core/new.txt", "");
    expectRefused(["0.2.0"], /not committed:\n\?\? packages\/core\/new\.txt/);
    rmSync(join(root, "packages/core/new.txt"));
    git("switch", "--quiet", "--create", "other");
    expectRefused(["0.2.0"], /the branch is other/);
  });

  test.each([
    ["without the section", changes.replace("0.2.0", "0.3.0"), /no section of this version/],
    ["without a date", changes.replace(today, "unreleased"), /has no date/],
    ["with a date that is none", changes.replace(today, "2026-13-01"), /has no date/],
    ["with a date to come", changes.replace(today, "2999-01-01"), /in the future/],
    ["with an empty section", changes.replace("- More.\n", ""), /has no entry/],
  ])("a changelog %s", (_, text, message) => {
    write("CHANGELOG.md", text);
    commitAll();
    expectRefused(["0.2.0"], message);
  });

  test("a failing gate", () => {
    write(".ci/run", "exit 1\n");
    commitAll();
    expectRefused(["0.2.0"], /Command failed: bash \.ci\/run/);
  });

  test("a build that fails after the versions were written", () => {
    write("packages/reconloss/build.mjs", "process.exit(1);\n");
    commitAll();
    expectRefused(["0.2.0"], /Command failed: npm run build/);
  });

  test.each([
    [
      "a file that is exported and not built",
      { exports: { ".": "./dist/index.js", "./more": "./dist/more.js" } },
      /dist\/more\.js is named in package\.json and missing/,
    ],
    [
      "a script that runs at users'",
      { scripts: { build: "node build.mjs", postinstall: "node build.mjs" } },
      /the script postinstall would run/,
    ],
    ["sources and tests", { files: ["dist", "build.mjs"] }, /build\.mjs does not belong/],
  ])("%s", (_, more, message) => {
    write("packages/core/package.json", json(manifest("@reconloss/core", more)));
    commitAll();
    expectRefused(["0.2.0"], message);
  });

  test("a tag that git cannot create, after which the commit is undone", () => {
    // A branch of git's own files in the place of the tag.
    mkdirSync(join(root, ".git/refs/tags/v0.2.0/x"), { recursive: true });
    writeFileSync(join(root, ".git/refs/tags/v0.2.0/x/y"), `${git("rev-parse", "HEAD")}\n`);
    expectRefused(["0.2.0"], /git tag/);
  });
});
