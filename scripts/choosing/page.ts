import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { networkPart } from "./network-part.ts";
import { pixelPart, stuckChannels } from "./pixel-part.ts";
import type { Project } from "./project.ts";
import { text } from "./text.ts";

/** What the page says besides what was computed. */
export interface PageOptions {
  /** What the photographs are. */
  readonly about?: string;
  /** Milliseconds of a training's step, by the trial's name. */
  readonly times: Readonly<Record<string, number>>;
}

/** Writes the page, and its pictures into a folder beside it, from what was computed. */
export async function writePage(path: string, project: Project, { about, times }: PageOptions): Promise<void> {
  const { setup, plan, noise, noisy } = project;
  const pictures = join(dirname(path), "choosing");
  const page = text({
    about,
    setup,
    plan,
    network: await networkPart(project, pictures, times),
    noise: await pixelPart(project, plan.pixels, noise, pictures),
    noisy: await pixelPart(project, plan.denoising, noisy, pictures),
    stuck: plan.pixels.some(({ name }) => name === "ms-ssim") ? await stuckChannels(noise) : [],
  });
  await writeFile(path, page);
}
