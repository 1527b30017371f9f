import { describe, expect, it } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/index.ts";
import { patchGan } from "../../packages/core/src/nets/index.ts";
import { completeSettings } from "../../packages/reconloss/src/tasks/index.ts";
import { trainingLoss } from "../../packages/reconloss/src/tasks/settings.ts";
import { adversarial, gan, wganGp } from "../../packages/reconloss/src/train/index.ts";

const sized = { seed: 1, batch: 2, patch: 32 };
const small = "features=4,depth=1";

describe("the discriminator of a training", () => {
  const weights = (spec: string, seed: number) => {
    const [learner] = trainingLoss(spec, { ...sized, seed }).learners ?? [];
    return [...learner.save().tensors["parameter/model.0.weight"].data];
  };

  it("is initialised from the training's seed, or from its own", () => {
    expect(weights(`gan(${small})`, 7)).toEqual(weights(`l1 + gan(${small})`, 7));
    expect(weights(`gan(${small})`, 7)).not.toEqual(weights(`gan(${small})`, 8));
    expect(weights(`gan(${small},Seed=3)`, 7)).toEqual(weights(`gan(${small},seed=3)`, 8));
  });

  it("defaults to instance norm with a gradient penalty, and to a penalty with an unbounded objective", () => {
    const options = (spec: string) => parseLoss(spec, [gan]).options;
    expect(options("gan")).toMatchObject({ norm: "batch", gp: 0 });
    expect(options("gan(gp=10)")).toMatchObject({ norm: "instance", gp: 10 });
    expect(options("gan(gp=5,norm=none)")).toMatchObject({ norm: "none", gp: 5 });
    expect(options("gan(objective=wgan)")).toMatchObject({ norm: "instance", gp: 10 });
    expect(options("gan(objective=wgan,r1=10)")).toMatchObject({ gp: 0, r1: 10 });
    expect(options("gan(objective=wgan,norm=spectral)")).toMatchObject({ norm: "spectral", gp: 0 });
  });

  it("notes which options may keep it from learning", () => {
    const notes = (spec: string) => parseLoss(spec, [gan]).learners?.flatMap(({ notes }) => notes);
    for (const sound of ["gan", "gan(gp=10)", "gan(objective=wgan)", "gan(objective=wgan,norm=spectral)"]) {
      expect(notes(sound), sound).toEqual([]);
    }
    expect(notes("gan(gp=10,norm=batch)")?.join()).toContain("batch norm");
    expect(notes("gan(objective=wgan,gp=0)")?.join()).toContain("nothing bounds");
    expect(notes("gan(discriminator=vgg,gp=10)")?.join()).toContain("batch norm");
  });

  it("has the same defaults when it is made in code", () => {
    const notes = (...[options]: Parameters<typeof adversarial>) => adversarial(options).learners?.[0].notes;
    expect(notes({ objective: "wgan" })).toEqual([]);
    expect(notes({ penalty: wganGp() })).toEqual([]);
    expect(notes({ objective: "wgan", discriminator: patchGan({ features: 4 }) })?.join()).toContain("nothing bounds");
    expect(notes({ penalty: wganGp(), discriminator: patchGan({ features: 4 }) })?.join()).toContain("batch norm");
  });
});

describe("refuses a loss that cannot take the patches, before anything is compiled:", () => {
  it.each([
    ["gan(discriminator=vgg)", 64, "patches of 64x64 pixels", "128x128"],
    ["l1 + 0.1*gan(depth=5)", 64, "patches of 64x64 pixels", "96x96"],
    ["l1 + 0.1*lpips(net=tiny)", 16, "patches of 16x16 pixels", "20x20"],
    ["ms-ssim", 64, "patches of 64x64 pixels", "161x161"],
  ])("%s on patches of %i", (loss, patch, ...words) => {
    const settings = { task: "deblur", data: "x", loss, patch };
    for (const word of words) expect(() => completeSettings(settings)).toThrow(word);
  });

  it("a conditional discriminator for images generated from random numbers", () => {
    for (const loss of ["gan(conditional=true)", "0.1*gan(conditional=true)@5 + 0.1*tv"]) {
      expect(() => completeSettings({ task: "generate", data: "x", loss })).toThrow(/uses outputs alone/);
      expect(completeSettings({ task: "deblur", data: "x", loss }).loss).toBe(loss);
    }
  });

  it("a colour discriminator for grey photographs, whose channels are the default", () => {
    const grey = { task: "deblur", data: "x", channels: 1, patch: 32 };
    expect(() => completeSettings({ ...grey, loss: "l1 + gan(channels=3)" })).toThrow(/3 channels/);
    for (const loss of ["l1 + 0.1*gan", "0.1*gan(conditional=true,discriminator=unet)@5 + tv"]) {
      const settings = completeSettings({ ...grey, loss });
      expect(settings.loss).toBe(loss);
      const [learner] = trainingLoss(loss, settings).learners ?? [];
      const { tensors } = learner.save();
      const first = Object.entries(tensors).find(([name]) => name.startsWith("parameter/") && name.includes(".weight"));
      expect(first?.[1].shape[1]).toBe(loss.includes("conditional") ? 2 : 1);
    }
  });

  it("but accepts a loss that can take them", () => {
    for (const [loss, patch] of [
      ["gan(discriminator=vgg,features=4)", 128],
      ["lpips(net=tiny)", 20],
    ] as const) {
      expect(completeSettings({ task: "deblur", data: "x", loss, patch }).patch).toBe(patch);
    }
  });
});
