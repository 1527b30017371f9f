import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { weightsRegistry } from "../../packages/core/src/weights/registry.ts";
import { runProgram } from "../../packages/reconloss/src/cli/program.ts";
import type { Terminal } from "../../packages/reconloss/src/cli/terminal.ts";
import { weightsCommand } from "../../packages/reconloss/src/cli/weights.ts";
import { openCheckpoint } from "../../packages/reconloss/src/weights/open.ts";
import { FileServer, serve } from "../weights/file-server.ts";
import { float32Safetensors } from "../weights/golden-checkpoints.ts";

const checkpoint = float32Safetensors({ t: { shape: [1], data: [7] } });

let home: string;
let server: FileServer;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "reconloss-cli-"));
  server = await FileServer.start(serve(checkpoint));
});
afterEach(async () => {
  await server.stop();
  rmSync(home, { recursive: true });
});

let code: number;

/** Runs `reconloss weights ...` and returns what it printed; `code` is the exit code. */
async function run(...parameters: string[]): Promise<string> {
  let printed = "";
  code = 0;
  const terminal: Terminal = {
    stdout: { write: (text) => (printed += text) },
    stderr: { write: () => {} },
    env: { RECONLOSS_HOME: home, RECONLOSS_MIRROR: server.url },
  };
  const command = weightsCommand(terminal, (result) => {
    code = result;
  });
  await command.exitOverride().parseAsync(parameters, { from: "user" });
  return printed.trimEnd();
}
const runJson = async (...parameters: string[]) => JSON.parse(await run(...parameters, "--json"));
const cached = () => join(home, "weights", "v0.0", "alex.pth");

test("list shows every entry, and which are present", async () => {
  mkdirSync(join(home, "mine"));
  writeFileSync(join(home, "mine", "vgg19.safetensors"), checkpoint);
  const text = await run("list", "--weights", join(home, "mine"));
  for (const { name } of weightsRegistry) expect(text).toContain(`\n${name} `);
  expect(text).toMatch(/vgg16 .*553 MB .*not on this machine/);
  expect(text).toMatch(/vgg19 .*vgg19\.safetensors/);
  const rows = await runJson("list", "--weights", join(home, "mine"));
  expect(rows).toHaveLength(weightsRegistry.length);
  expect(rows.find(({ name }: { name: string }) => name === "vgg19")).toMatchObject({
    from: "folder",
    bytes: 574_673_361,
  });
});

test("list shows a damaged file instead of failing", async () => {
  mkdirSync(join(home, "weights"));
  writeFileSync(join(home, "weights", "vgg16-397923af.pth"), "short");
  expect(await run("list")).toMatch(/vgg16 .*5 bytes that are not those of the published/);
});

test("pull downloads weights once, and path finds them", async () => {
  expect(await run("pull", "lpips-alex-v0.0")).toBe(`lpips-alex-v0.0  ${cached()}`);
  expect(await runJson("pull", "lpips-alex-v0.0")).toEqual([{ name: "lpips-alex-v0.0", path: cached() }]);
  expect(server.requests).toHaveLength(1);
  expect(await run("path", "lpips-alex-v0.0")).toBe(cached());
  expect(await runJson("path", "lpips-alex-v0.0")).toEqual({ name: "lpips-alex-v0.0", path: cached(), from: "cache" });
  expect(await run("path")).toBe(join(home, "weights"));
});

test("pull checks all names before it downloads anything", async () => {
  await expect(run("pull", "lpips-alex-v0.0", "vgg")).rejects.toMatchObject({ code: "invalid-argument" });
  expect(server.requests).toHaveLength(0);
});

test("pull refuses bytes that differ from the published ones", async () => {
  await expect(run("pull", "lpips-alex")).rejects.toMatchObject({ code: "download" });
});

test("path of missing weights names the command that downloads them", async () => {
  await expect(run("path", "vgg16")).rejects.toMatchObject({
    code: "missing-weights",
    message: expect.stringContaining("npx reconloss weights pull vgg16"),
  });
});

test("import then verify succeeds", async () => {
  const file = join(home, "converted.safetensors");
  writeFileSync(file, checkpoint);
  const path = join(home, "weights", "alexnet.safetensors");
  expect(await run("verify")).toBe("no weights on this machine");
  expect(await run("import", file, "--as", "alexnet")).toContain(`alexnet  ${path}  not the published bytes`);
  expect(await runJson("import", file, "--as", "alexnet")).toEqual({ name: "alexnet", path, verified: false });
  expect(await run("verify")).toMatch(/alexnet .*readable .*alexnet\.safetensors/);
  expect(code).toBe(0);
  expect(await runJson("verify", "alexnet")).toEqual([{ name: "alexnet", state: "readable", path }]);
});

test("verify fails when something is damaged or missing", async () => {
  mkdirSync(join(home, "weights"));
  writeFileSync(join(home, "weights", "alexnet.pth"), "damaged");
  expect(await run("verify")).toMatch(/alexnet .*damaged .*neither a PyTorch nor a safetensors checkpoint/);
  expect(code).toBe(1);
  expect(await run("verify", "vgg16")).toMatch(/vgg16 .*missing/);
  expect(code).toBe(1);
});

test("list fits the given width without truncating a path", async () => {
  const run = async (columns?: number) => {
    let stdout = "";
    const env = { ...process.env, COLUMNS: columns === undefined ? "" : String(columns), NO_COLOR: "1" };
    await runProgram(["weights", "list"], {
      stdout: { write: (text) => void (stdout += text) },
      stderr: { write: () => {} },
      env,
    });
    return stdout;
  };
  const wide = await run();
  for (const columns of [60, 80, 100]) {
    const narrow = await run(columns);
    expect(Math.max(...narrow.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(columns);
    const letters = (text: string) => [...text.replace(/[─\s]/g, "")].sort().join("");
    expect(letters(narrow)).toBe(letters(wide));
  }
});

test("import takes the tensors under a key, and import and verify report what is special about a file", async () => {
  const heads = (prefix: string, value: number) =>
    Object.fromEntries(
      // The channels of LPIPS's five layers of AlexNet, whose heads the file holds.
      [64, 192, 384, 256, 256].map((count, i) => [
        `${prefix}lin${i}.model.1.weight`,
        { shape: [1, count, 1, 1], data: new Float32Array(count).fill(value) },
      ]),
    );
  const file = join(home, "heads.safetensors");
  const printed2 = async (...parameters: string[]) => {
    let stderr = "";
    const sinks = { stdout: { write: () => {} }, stderr: { write: (text: string) => void (stderr += text) } };
    const exit = await runProgram(["weights", ...parameters], { ...sinks, env: { RECONLOSS_HOME: home } });
    return { stderr, exit };
  };

  writeFileSync(file, float32Safetensors({ ...heads("ema.", 1), ...heads("raw.", 2) }));
  expect((await printed2("import", file, "--as", "lpips-alex")).stderr).toContain(
    'names fit after each of "ema.", "raw.": choose one of these as the key',
  );
  expect(await printed2("import", file, "--as", "lpips-alex", "--key", "ema")).toEqual({ stderr: "", exit: 0 });
  const copy = await openCheckpoint(join(home, "weights", "lpips-alex.safetensors"));
  expect(copy.names).toEqual(Object.keys(heads("", 0)).sort());
  expect((await copy.read(copy.names[0])).data[0]).toBe(1);
  await copy.close();

  writeFileSync(file, float32Safetensors(heads("module._orig_mod.", 3)));
  const note = 'the prefix "module._orig_mod." was taken off the names of 5 tensors';
  expect((await printed2("import", file, "--as", "lpips-alex")).stderr).toBe(`note: ${note}\n`);
  expect((await printed2("verify")).stderr).toBe(`note: lpips-alex: ${note}\n`);

  const missing = await printed2("import", file, "--as", "lpips-alex", "--key", "generator");
  expect(missing.exit).toBe(1);
  expect(missing.stderr).toContain('there is nothing under the key "generator"; its names begin with module');
});

// Every command that may load weights, from the commands themselves.
test("--weights must be a folder in every command", async () => {
  const file = join(home, "vgg16.pth");
  writeFileSync(file, checkpoint);
  const program = (...parameters: string[]) => {
    let printed = "";
    const sink = { write: (text: string) => void (printed += text) };
    return runProgram(parameters, { stdout: sink, stderr: sink, env: { COLUMNS: "200" } }).then((exit) => ({
      exit,
      printed,
    }));
  };
  const commands = (await program("--help")).printed.matchAll(/^ {2}(\w+) [^\n]*\[options\]|^ {2}(\w+) /gm);
  const names = [...commands].map(([, a, b]) => a ?? b).filter((name) => name !== "help" && name !== "weights");
  const withWeights = [];
  for (const name of [...names, ...["list", "pull", "verify", "path"].map((sub) => `weights ${sub}`)]) {
    const { printed } = await program(...name.split(" "), "--help");
    const option = /--weights (\S+)/.exec(printed);
    if (option === null) continue;
    withWeights.push(name);
    expect(option[1], name).toBe("<folder>");
    for (const [path, problem] of [
      [file, "It is not a folder"],
      [join(home, "nowhere"), "There is no such folder"],
    ]) {
      const { exit, printed: recorded } = await program(...name.split(" "), "a", "b", "--weights", path);
      expect(recorded, name).toContain(problem);
      expect(exit, name).toBe(2);
    }
  }
  expect(withWeights).toEqual(
    expect.arrayContaining(["compare", "distribution", "stats", "train", "export", "weights list"]),
  );
});
