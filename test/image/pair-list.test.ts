import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readPairList } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = await temporaryFolder();
let count = 0;

async function list(extension: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, `${count++}${extension}`);
  await writeFile(path, content);
  return path;
}

describe("a CSV list", () => {
  test("accepts columns in any order, quotes, any line breaks, and extra columns", async () => {
    const text = `\ufeffpsnr,Target,output,group,mask\r\n30.1,hr/a.png,"x, ""y""/a.png",Set5,m/a.png\r\n\r\n,hr/b.png,x/b.png,,\n`;
    expect(await readPairList(await list(".csv", text))).toEqual([
      {
        name: 'x, "y"/a.png',
        output: join(folder, 'x, "y"/a.png'),
        target: join(folder, "hr/a.png"),
        mask: join(folder, "m/a.png"),
        group: "Set5",
      },
      { name: "x/b.png", output: join(folder, "x/b.png"), target: join(folder, "hr/b.png") },
    ]);
  });

  test("resolves paths from the list, and names pairs within the common folder of the outputs", async () => {
    const inner = join(folder, "lists");
    await mkdir(inner, { recursive: true });
    await writeFile(join(inner, "p.csv"), "output,target\n../ours/s/a.png,../hr/a.png\n/elsewhere/b.png,/hr/b.png\n");
    const pairs = await readPairList(join(inner, "p.csv"));
    expect(pairs.map(({ output }) => output)).toEqual([join(folder, "ours/s/a.png"), "/elsewhere/b.png"]);
    // Error maps are written under these names: none may lead out of the folder that they are written in.
    for (const { name } of pairs) expect(name).not.toMatch(/^\/|\.\./);
  });

  test.each([
    ["output,taget\na,b\n", /has "taget"; did you mean "target"\?/],
    ["output\na\n", /has no target; it has "output"/],
    ["", /has no output; it has nothing/],
    ["output,target\n", /lists no pair/],
    ["output,target\na.png\n", /line 2 has no target/],
    ['output,target\na.png,b.png\n"c.png,d.png\n', /the quote that begins in line 3 has no end/],
    ["output,target\na,b,c.png,d\n", /line 2 has 4 cells, but there are 2 columns/],
    ["output,target\na.png,b.png\na.png,c.png\n", /line 3 lists .*a\.png again, after line 2/],
    ["output,target,output\na,b,c\n", /two columns output/],
    [Uint8Array.of(0xff, 0xfe, 0x00), /cannot read/],
  ])("refuses %j", async (content, message) => {
    await expect(readPairList(await list(".csv", content))).rejects.toThrow(message);
  });
});

describe("a list of JSON lines", () => {
  test("has an object in each line, with optional rectangles", async () => {
    const text = '{"output":"o/a.png","target":"a.png","ignore":[[0,0,4,2]]}\n\n{"target":"b.png","output":"o/b.png"}';
    expect(await readPairList(await list(".jsonl", text))).toEqual([
      { name: "a.png", output: join(folder, "o/a.png"), target: join(folder, "a.png"), ignore: [[0, 0, 4, 2]] },
      { name: "b.png", output: join(folder, "o/b.png"), target: join(folder, "b.png") },
    ]);
  });

  test.each([
    ["{", /line 1 is not JSON/],
    ["[1]", /line 1 must be an object/],
    ['{"output":"a"}', /line 1 has no target/],
    ['{"output":"a","target":"b","maks":"c"}', /"maks"; did you mean "mask"/],
    ['{"output":1,"target":"b"}', /output must be a text, got 1/],
    ['{"output":"a","target":"b","ignore":[[0,0,0,2]]}', /ignore must be x, y, width, height/],
    ['{"output":"a","target":"b","ignore":{}}', /ignore must be a list/],
  ])("refuses %s", async (content, message) => {
    await expect(readPairList(await list(".jsonl", content))).rejects.toThrow(message);
  });
});

test("refuses other extensions, folders, pipes and missing files", async () => {
  await expect(readPairList(join(folder, "pairs.txt"))).rejects.toThrow(/must end in one of \.csv, \.jsonl/);
  await expect(readPairList(join(folder, "none.csv"))).rejects.toMatchObject({ code: "file" });
  await mkdir(join(folder, "folder.csv"));
  await expect(readPairList(join(folder, "folder.csv"))).rejects.toThrow(/it is a folder/);
  if (process.platform === "win32") return;
  execFileSync("mkfifo", [join(folder, "pipe.csv")]);
  await expect(readPairList(join(folder, "pipe.csv"))).rejects.toThrow(/named pipe/);
});

test("reads 200,000 pairs in linear time", async () => {
  const rows = Array.from({ length: 200_000 }, (_, i) => `out/${i}_x4.png,hr/${i}.png`);
  const path = await list(".csv", `output,target\n${rows.join("\n")}\n`);
  const start = process.cpuUsage();
  expect(await readPairList(path)).toHaveLength(200_000);
  expect(process.cpuUsage(start).user / 1000).toBeLessThan(15_000);
});
