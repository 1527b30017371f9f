import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * The address of a program of this package that a process or a thread of its own runs: `folder/name` of what is built, beside the module that starts it in the
 * sources. Where that module lands in what is built is the bundler's choice.
 *
 * @param starter - `import.meta.url` of the module that starts it
 */
export function ownProgram(starter: string, folder: string, name: string): URL {
  const files = [`./${name}.ts`, `./${name}.js`, `./${folder}/${name}.js`, `../${folder}/${name}.js`];
  return files.map((file) => new URL(file, starter)).find((url) => existsSync(fileURLToPath(url))) as URL;
}
