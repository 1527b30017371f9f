/** A rectangle in pixels: its left column and top row from 0, its width and height. */
export type Region = readonly [x: number, y: number, width: number, height: number];

/** An output and the target it is compared with. */
export interface ImagePair {
  /** The output's name relative to its folder, with `/` between folders on every system. */
  name: string;
  /** Path of the output. */
  output: string;
  /** Path of the target. */
  target: string;
  /** Path of an image of the target's size whose levels are the weights of pixels: black does not count. Default: all pixels count the same. */
  mask?: string;
  /** Rectangles of the target that do not count. */
  ignore?: readonly Region[];
  /** The group that it belongs to, such as a data set: the list says so, or the folders of targets that lie in several. */
  group?: string;
}

/** The options of pairing images, and of the regions that count. */
export interface PairOptions {
  /**
   * Names that go together, relative to their folders, as `"{name}_x4.png={name}.png"`: what stands for a placeholder in an output's name stands for it in its target's. Placeholders
   * hold at least one letter, `/` too; `*` is any letters of a folder's or file's name. A target is that of many outputs where these have a placeholder that it lacks:
   * `"{name}-{seed}.png={name}.png"`. Images that do not fit are ignored, and counted. Of several patterns, as methods with suffixes
   * of their own need, the one counts by which most outputs have a target. Default: the same name, or the same without extension.
   */
  pair?: string | readonly string[];
  /** Globs of images that are left out on both sides: `*_mask.png` by their own name, `thumbs/**` by that relative to their folder. */
  exclude?: readonly string[];
  /** A folder with a mask for each pair, named as the target or the output; or one image for all. */
  masks?: string;
  /** Rectangles of the target that do not count: for all pairs, or by the name of target or output. */
  ignore?: readonly Region[] | Readonly<Record<string, readonly Region[]>>;
}

/** An image that has no partner. */
export interface UnpairedImage {
  path: string;
  side: "output" | "target";
  reason: string;
  /** The group of a target, as {@link ImagePair.group}. */
  group?: string;
}
