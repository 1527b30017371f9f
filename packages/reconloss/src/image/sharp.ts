import { ReconlossError } from "@reconloss/core";
import { availableThreads } from "@reconloss/core/internal";
import type Sharp from "sharp";
import { reasonOf } from "../files.ts";

let loaded: Promise<typeof Sharp> | undefined;

/**
 * The image codec, loaded when a file is first read or written.
 *
 * @throws {ReconlossError} `missing-dependency` where sharp is not installed or does not load.
 */
export function loadSharp(
  importSharp: () => Promise<{ default: typeof Sharp }> = () => import("sharp"),
): Promise<typeof Sharp> {
  loaded ??= importSharp().then(
    ({ default: sharp }) => {
      if (sharp.concurrency() > availableThreads()) sharp.concurrency(availableThreads());
      return sharp;
    },
    (cause: unknown) => {
      loaded = undefined;
      throw new ReconlossError(
        "missing-dependency",
        `image files need sharp, which did not load (${reasonOf(cause)}); install it with: npm install sharp`,
        { cause },
      );
    },
  );
  return loaded;
}
