import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ErrorCode, ReconlossError } from "../../packages/core/src/errors.ts";
import { exitCodeOf, exitCodes } from "../../packages/reconloss/src/exit-codes.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const page = read("docs/errors.md");

/** The rows of the page's table of codes: the code, and the exit codes that it may have. */
const rows = [...page.matchAll(/^\| `([a-z-]+)` \|.*\| ([\d or]+) \|$/gm)].map(([, code, exits]) => ({
  code: code as ErrorCode,
  exits: exits.split(" or ").map(Number),
}));

/** The codes of errors that the packages' sources make. */
function codesThrown(): string[] {
  const sources = ["packages/core/src/", "packages/reconloss/src/"].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => read(folder + name)),
  );
  // The first argument, which may be a choice between two codes.
  const first = sources.flatMap((text) => [...text.matchAll(/new ReconlossError\(([^,]+),/g)].map(([, code]) => code));
  return [...new Set(first.flatMap((code) => [...code.matchAll(/"([a-z-]+)"/g)].map(([, word]) => word)))].sort();
}

test("the page lists exactly the error codes of the type, and each is thrown somewhere", () => {
  const [, union] = read("packages/core/src/errors.ts").match(/export type ErrorCode =([\s\S]*?);/) ?? [];
  const declared = [...union.matchAll(/\| "([a-z-]+)"/g)].map(([, code]) => code).sort();
  expect(rows.map(({ code }) => code).sort()).toEqual(declared);
  expect(codesThrown()).toEqual(declared);
});

test("the page lists the exit codes that the program uses", () => {
  const system = (code: string) => ({ cause: Object.assign(new Error(), { code }) });
  for (const { code, exits } of rows) {
    const causes = code === "file" ? [system("ENOENT"), system("ENOSPC")] : [undefined];
    expect(
      causes.map((cause) => exitCodeOf(new ReconlossError(code, "", cause))),
      code,
    ).toEqual(exits);
  }
  const listed = [...page.matchAll(/^\| (\d) \|/gm)].map(([, code]) => Number(code));
  expect(listed).toEqual(Object.values(exitCodes));
});
