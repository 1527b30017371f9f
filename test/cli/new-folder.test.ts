import { join } from "node:path";
import { expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { noteNewFolder } from "../../packages/reconloss/src/cli/new-folder.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "./run.ts";

const folder = await temporaryFolder();

it.each([
  ["there.onnx", false],
  ["no-such/there.onnx", true],
  ["no/such/folder", true],
  ["folder", false],
])("notes that the folder of %s will be made: %s", async (name, expected) => {
  let printed2 = "";
  await noteNewFolder(join(folder, name), {
    stdout: { write: () => {} },
    stderr: { write: (text) => void (printed2 += text) },
    env: {},
  });
  const parent = join(folder, name, "..");
  expect(printed2).toBe(expected ? `note: the folder ${parent} does not exist and will be created\n` : "");
});

it("notes a new folder once, however many files go there", async () => {
  const [first, second] = ["a.json", "b.xml"].map((name) => join(folder, "none", name));
  let told = "";
  const stderr = { write: (text: string) => void (told += text) };
  await noteNewFolder([first, undefined, second, join(folder, "a.csv")], { stdout: stderr, stderr, env: {} });
  expect(told).toBe(`note: the folder ${join(folder, "none")} does not exist and will be created\n`);
});

it("notes it in every command that writes to a given path", async () => {
  const image = join(folder, "a.png");
  await writeImage(image, Tensor.full([1, 3, 16, 16], 0.5));
  const note = (name: string) => `note: the folder ${join(folder, name)} does not exist and will be created\n`;
  expect(await run(["export", "l1", "-o", join(folder, "e", "l1.onnx")])).toMatchObject({ code: 0, stderr: note("e") });
  const compared = ["compare", image, image, "-m", "l1"];
  for (const [option, file] of [
    ["--csv", "c/a.csv"],
    ["--report", "r/a.html"],
    ["--maps", "m/maps"],
  ] as const) {
    const where = file.split("/")[0];
    expect(await run([...compared, option, join(folder, file)])).toMatchObject({ code: 0, stderr: note(where) });
  }
  // Wrong input, so that no network runs: the note comes first.
  const stats = await run(["stats", join(folder, "nowhere"), "-o", join(folder, "s", "a.npz")]);
  expect(stats.stderr).toContain(note("s"));
  const distribution = await run([
    "distribution",
    join(folder, "nowhere"),
    image,
    "--report",
    join(folder, "d", "a.html"),
  ]);
  expect(distribution.stderr).toContain(note("d"));
});
