/** The format in which the pixels of a video are stored. */
export interface PixelFormat {
  /** Planes of luma and of two chromas, one plane of luma alone, or colours. */
  readonly kind: "yuv" | "grey" | "rgb";
  /** Bits a sample. */
  readonly bits: number;
  /** By which powers of 2 chroma is smaller, horizontally and vertically. */
  readonly chroma: readonly [x: number, y: number];
  /** Whether it has alpha, which is ignored. */
  readonly hasAlpha: boolean;
  /** Whether the format itself says that samples fill the whole range. */
  readonly isFullRange: boolean;
  /** The planar format with the same samples that is asked of ffmpeg; of rgb none, which is converted. */
  readonly planar?: string;
}

/** By the digits in their names, how much smaller chroma is. */
const chromaOf: Readonly<Record<string, readonly [x: number, y: number]>> = {
  "444": [0, 0],
  "440": [0, 1],
  "422": [1, 0],
  "420": [1, 1],
  "411": [2, 0],
  "410": [2, 2],
};

/** Formats of 8 bits that are not planar, by the planar one with the same samples. */
const packed: Readonly<Record<string, string>> = {
  ...{ nv12: "yuv420p", nv21: "yuv420p", nv16: "yuv422p", nv24: "yuv444p", nv42: "yuv444p" },
  ...{ yuyv422: "yuv422p", uyvy422: "yuv422p", yvyu422: "yuv422p", uyyvyy411: "yuv411p" },
};

/** The format that a name of ffmpeg's stands for (libavutil/pixdesc.c); of names without planes of luma, colours, which ffmpeg converts. */
export function parsePixelFormat(name: string): PixelFormat {
  const semiPlanar = /^p([024])(10|12|16)(?:le|be)$/.exec(name);
  if (semiPlanar) {
    const digits = { 0: "420", 2: "422", 4: "444" }[Number(semiPlanar[1])];
    return parsePixelFormat(`yuv${digits}p${semiPlanar[2]}le`);
  }
  if (name === "nv20le" || name === "nv20be") return parsePixelFormat("yuv422p10le");
  if (Object.hasOwn(packed, name)) return parsePixelFormat(packed[name]);
  const grey =
    /^gray(\d+)?(?:le|be)?$/.exec(name) ?? (name === "ya8" ? ["", "8"] : name.startsWith("ya16") ? ["", "16"] : null);
  if (grey) {
    const bits = Number(grey[1] ?? 8);
    const planar = bits === 8 ? "gray" : `gray${bits}le`;
    return { kind: "grey", bits, chroma: [0, 0], hasAlpha: name.startsWith("ya"), isFullRange: true, planar };
  }
  const planes = /^yuv(j|a)?(\d{3})p(\d+)?(?:le|be)?$/.exec(name);
  const chroma = planes && chromaOf[planes[2]];
  if (planes && chroma) {
    const bits = Number(planes[3] ?? 8);
    const hasAlpha = planes[1] === "a";
    const letter = planes[1] === "j" ? "j" : "";
    const planar = `yuv${letter}${planes[2]}p${bits > 8 ? `${bits}le` : ""}`;
    return { kind: "yuv", bits, chroma, hasAlpha, isFullRange: letter === "j", planar };
  }
  const bits = /(?:48|64)(?:le|be)?$/.test(name) ? 16 : Number(/^(?:gbra?p|x2rgb|x2bgr)(\d+)/.exec(name)?.[1] ?? 8);
  return {
    kind: "rgb",
    bits,
    chroma: [0, 0],
    hasAlpha: /^(?:rgba|argb|bgra|abgr|gbrap|pal8)/.test(name),
    isFullRange: true,
  };
}

/** Height and width of each plane that is compared. */
export function planeSizes(
  { kind, chroma }: PixelFormat,
  height: number,
  width: number,
): (readonly [number, number])[] {
  const smaller = (side: number, power: number) => Math.ceil(side / 2 ** power);
  const colours = [smaller(height, chroma[1]), smaller(width, chroma[0])] as const;
  return kind === "yuv" ? [[height, width], colours, colours] : [[height, width]];
}
