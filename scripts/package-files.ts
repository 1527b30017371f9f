import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Puts into the package in the working folder what npm shows and licences ask for: README, changes, licence, and notices of libraries that are part of the build. */
const root = fileURLToPath(new URL("..", import.meta.url));
const folder = process.cwd();
const { name, version, repository } = JSON.parse(readFileSync("package.json", "utf8"));
copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
for (const file of name === "reconloss" ? ["README.md", "CHANGELOG.md"] : []) {
  writeFileSync(join(folder, file), withAbsoluteLinks(readFileSync(join(root, file), "utf8")));
}

/** Replaces links to files of the repository, and its pictures, by addresses of the release: the package has neither. */
function withAbsoluteLinks(markdown: string): string {
  const home = repository.url.replace(/^git\+|\.git$/g, "");
  return markdown.replace(/(!?)\[([^\]]*)\]\((?!\w+:|#)([^)\s]+)\)/g, (_, picture, text, path) => {
    return `${picture}[${text}](${home}/${picture ? "raw" : "blob"}/v${version}/${path})`;
  });
}

/** The texts that the licences ask to be repeated, by their SPDX name. */
const texts: Readonly<Record<string, string>> = {
  MIT: `Copyright (c) HOLDER

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS
FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY,
WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`,
  "Apache-2.0":
    "Licensed under the Apache License, Version 2.0; the licence is at https://www.apache.org/licenses/LICENSE-2.0",
  "BSD-3-Clause": `Copyright 2008 Google Inc. All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met:
* Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer.
* Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the documentation
  and/or other materials provided with the distribution.
* Neither the name of Google Inc. nor the names of its contributors may be used to endorse or promote products derived from this software without specific
  prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED
WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT OWNER OR CONTRIBUTORS BE LIABLE FOR ANY
DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS
OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING
NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.`,
};

const libraries = join(folder, "dist", "libraries");
if (existsSync(libraries)) {
  const names = readdirSync(libraries).flatMap((entry) =>
    entry.startsWith("@") ? readdirSync(join(libraries, entry)).map((part) => `${entry}/${part}`) : [entry],
  );
  const { resolve } = createRequire(join(folder, "package.json"));
  const notices = names.sort().map((library) => {
    const parts = resolve(library).split(`/node_modules/${library}/`);
    const home = join(parts[0], "node_modules", library);
    const { version, license, author } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    const text = readdirSync(home).find((file) => /^licen[cs]e/i.test(file));
    const holder = typeof author === "string" ? author : author?.name;
    const heading = `${library} ${version} (${license}${holder ? `, ${holder}` : ""})`;
    return `${heading}\n\n${text ? readFileSync(join(home, text), "utf8").trim() : licences(license, holder ?? "its authors")}\n`;
  });
  const title = `${name} contains parts of these libraries, under their own licences.\n`;
  writeFileSync(join(folder, "THIRD-PARTY-NOTICES.txt"), [title, ...notices].join(`\n${"-".repeat(80)}\n\n`));
}

/** The texts of licences that a library names without bringing them. */
function licences(names: string, holder: string): string {
  const found = Object.keys(texts).filter((name) => names.includes(name));
  if (found.length === 0) throw new Error(`no text of the licence ${names}`);
  return found.map((name) => texts[name].replace("HOLDER", holder)).join("\n\n");
}
