import { createHash } from "node:crypto";
import {
  copyFileSync,
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
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { weightsEntry, weightsRegistry } from "../../packages/core/src/weights/registry.ts";
import { weightsCache } from "../../packages/reconloss/src/weights/folders.ts";
import {
  checkWeights,
  findWeights,
  importWeights,
  openWeights,
  resolveWeights,
  type WeightsOptions,
} from "../../packages/reconloss/src/weights/locate.ts";
import { FileServer, serve } from "./file-server.ts";
import { float32Safetensors } from "./golden-checkpoints.ts";

const anyCheckpoint = float32Safetensors({ t: { shape: [1], data: [7] } });

let home: string;
let folder: string;
let env: Record<string, string>;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "reconloss-home-"));
  folder = join(home, "my weights");
  env = { RECONLOSS_HOME: home, RECONLOSS_WEIGHTS: folder, RECONLOSS_OFFLINE: "1" };
});
afterEach(() => rmSync(home, { recursive: true }));

const put = (path: string, bytes: Uint8Array = anyCheckpoint) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
};
const inCache = (name: string) => join(home, "weights", name);
const find = (name: string, options: WeightsOptions = {}) => findWeights(name, { env, ...options });

describe("the registry", () => {
  test("has unique names, files and addresses, and the hash in a file's name is the start of its SHA-256", () => {
    for (const key of ["name", "file", "url"] as const) {
      expect(new Set(weightsRegistry.map((entry) => entry[key])).size).toBe(weightsRegistry.length);
    }
    for (const { file, url, sha256, licence, citation } of weightsRegistry) {
      expect(url.endsWith(file)).toBe(true);
      expect(licence && citation).toBeTruthy();
      if (sha256 !== undefined) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      const prefix = /-([0-9a-f]{8})\.pth$/.exec(file)?.[1];
      if (prefix !== undefined) expect(sha256?.slice(0, 8)).toBe(prefix);
    }
  });

  test("lists the known names for an unknown one", () => {
    expect(() => weightsEntry("vgg")).toThrow(/"vgg"; known: alexnet, vgg16, /);
  });

  const shared = process.env.RECONLOSS_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
  const published = `${shared}/reference/weights/`;
  test.skipIf(!existsSync(published)).each(["lpips-alex", "lpips-vgg", "lpips-squeeze"])(
    "%s has the size and hash of the published file",
    (name) => {
      const bytes = readFileSync(`${published}${name}.pth`);
      expect(weightsEntry(name)).toMatchObject({
        bytes: bytes.length,
        sha256: createHash("sha256").update(bytes).digest("hex"),
      });
    },
  );
});

describe("the cache folder", () => {
  test.each([
    [{ RECONLOSS_HOME: "/data" }, "linux", "/data/weights"],
    [{ XDG_CACHE_HOME: "/xdg" }, "linux", "/xdg/reconloss/weights"],
    [{}, "linux", "/.cache/reconloss/weights"],
    [{}, "darwin", "/Library/Caches/reconloss/weights"],
    [{ LOCALAPPDATA: "/local" }, "win32", "/local/reconloss/Cache/weights"],
  ] as const)("%j on %s", (variables, platform, end) => {
    const path = weightsCache(variables, platform).replaceAll("\\", "/");
    expect(path.endsWith(end)).toBe(true);
  });
});

describe("weights are searched for", () => {
  test("at the explicit path, then in the weights folder, then in the cache", async () => {
    expect(await find("vgg16")).toBeUndefined();
    const cached = put(inCache("vgg16.pth"));
    expect(await find("vgg16")).toEqual({ path: cached, from: "cache" });
    const inFolder = put(join(folder, "vgg16.safetensors"));
    expect(await find("vgg16")).toEqual({ path: inFolder, from: "folder" });
    const other = put(join(home, "other", "vgg16.pth"));
    expect(await find("vgg16", { folder: dirname(other) })).toEqual({ path: other, from: "folder" });
    const path = put(join(home, "anything.bin"));
    expect(await find("vgg16", { path })).toEqual({ path, from: "path" });
  });

  test("at the explicit path only, where a missing file is an error", async () => {
    put(inCache("vgg16.pth"));
    const path = join(home, "gone.pth");
    await expect(find("vgg16", { path })).rejects.toMatchObject({
      code: "missing-weights",
      message: `weights vgg16: there is no file ${path}`,
    });
  });

  test("under upstream's file name only if the file has upstream's size", async () => {
    put(join(folder, "squeezenet1_1-b8a52dc0.pth"), new Uint8Array(100));
    await expect(find("squeezenet1_1")).rejects.toMatchObject({
      code: "checkpoint",
      message: expect.stringContaining("100 bytes"),
    });
    const { file, bytes } = weightsEntry("squeezenet1_1");
    const path = put(join(folder, file), new Uint8Array(bytes!));
    expect(await find("squeezenet1_1")).toEqual({ path, from: "folder" });
  });

  test("under a small file's upstream name only if size and hash are upstream's", async () => {
    put(join(folder, "v0.1", "alex.pth"), new Uint8Array(weightsEntry("lpips-alex").bytes!));
    await expect(find("lpips-alex")).rejects.toMatchObject({ code: "checkpoint" });
  });

  test("under alex.pth outside its version's folder only if the hash tells the version", async () => {
    put(join(folder, "alex.pth"), new Uint8Array(weightsEntry("lpips-alex").bytes!));
    expect(await find("lpips-alex")).toBeUndefined();
    expect(await find("lpips-alex-v0.0")).toBeUndefined();
  });
});

describe("missing weights", () => {
  test("are reported with the file, the places searched and how to get it", async () => {
    await expect(resolveWeights("vgg16", { env })).rejects.toMatchObject({
      code: "missing-weights",
      message: [
        `weights vgg16 are not on this machine: looked for vgg16.safetensors, vgg16.pth or vgg16-397923af.pth in ${folder} (weights folder) and ${join(home, "weights")} (cache)`,
        "they were not downloaded because vgg16: downloads are disabled by RECONLOSS_OFFLINE",
        "to download them: npx reconloss weights pull vgg16",
        "or do without: net=tiny is part of this package, as in lpips(net=tiny)",
        "or fetch https://download.pytorch.org/models/vgg16-397923af.pth elsewhere, then: npx reconloss weights import FILE --as vgg16",
      ].join("; "),
    });
  });

  test("are not downloaded when the option turns downloads off", async () => {
    const online = { RECONLOSS_HOME: home };
    await expect(resolveWeights("vgg16", { env: online, download: false })).rejects.toThrow("downloads are disabled");
  });

  test("are downloaded into the cache at first use, once", async () => {
    const server = await FileServer.start(serve(anyCheckpoint));
    const online = { RECONLOSS_HOME: home, RECONLOSS_OFFLINE: "0", RECONLOSS_MIRROR: server.url };
    for (let use = 0; use < 2; use++) {
      const checkpoint = await openWeights("lpips-alex-v0.0", { env: online });
      expect((await checkpoint.read("t")).data).toEqual(Float32Array.of(7));
      await checkpoint.close();
    }
    expect(server.requests.map(({ path }) => path)).toEqual(["/v0.0/alex.pth"]);
    expect(await find("lpips-alex-v0.0")).toEqual({ path: inCache(join("v0.0", "alex.pth")), from: "cache" });
    await server.stop();
  });

  test("are reported with the network's reason when the download fails", async () => {
    const server = await FileServer.start((_, response) => response.writeHead(403).end());
    const online = { RECONLOSS_HOME: home, RECONLOSS_MIRROR: server.url };
    await expect(resolveWeights("vgg16", { env: online })).rejects.toMatchObject({
      code: "missing-weights",
      message: expect.stringContaining(`${server.url}/vgg16-397923af.pth: HTTP 403`),
    });
    await server.stop();
  });
});

describe("import and verification", () => {
  test("finds an imported file afterwards, and imports only a readable one", async () => {
    const file = put(join(home, "converted.bin"));
    const path = inCache("vgg16.safetensors");
    expect(await importWeights(file, "vgg16", { env })).toEqual({ path, verified: false });
    expect(await find("vgg16")).toEqual({ path, from: "cache" });
    expect(await checkWeights("vgg16", { env })).toEqual({ name: "vgg16", state: "readable", path });
    expect(readdirSync(dirname(path))).toEqual(["vgg16.safetensors"]);
  });

  test("refuses to import a file that is no checkpoint", async () => {
    const file = put(join(home, "page.pth"), new TextEncoder().encode("<html></html>"));
    await expect(importWeights(file, "vgg16", { env })).rejects.toMatchObject({ code: "checkpoint" });
    expect(existsSync(inCache("vgg16.pth"))).toBe(false);
  });

  test("reports missing files, hash mismatches and unreadable files", async () => {
    expect(await checkWeights("squeezenet1_1", { env })).toEqual({ name: "squeezenet1_1", state: "missing" });
    const { file, bytes } = weightsEntry("squeezenet1_1");
    const path = put(inCache(file), new Uint8Array(bytes!));
    expect(await checkWeights("squeezenet1_1", { env })).toMatchObject({
      state: "damaged",
      path,
      problem: expect.stringContaining("SHA-256"),
    });
    put(inCache("vgg16.pth"), new Uint8Array(20));
    expect(await checkWeights("vgg16", { env })).toMatchObject({ state: "damaged" });
  });

  const shared = process.env.RECONLOSS_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
  const published = `${shared}/reference/weights/lpips-alex.pth`;
  test.skipIf(!existsSync(published))("verifies the published file under any of its names", async () => {
    const path = inCache(join("v0.1", "alex.pth"));
    expect(await importWeights(published, "lpips-alex", { env })).toEqual({ path, verified: true });
    expect(await checkWeights("lpips-alex", { env })).toEqual({ name: "lpips-alex", state: "verified", path });
    mkdirSync(folder);
    copyFileSync(published, join(folder, "alex.pth"));
    expect(await find("lpips-alex")).toEqual({ path: join(folder, "alex.pth"), from: "folder" });
  });
});
