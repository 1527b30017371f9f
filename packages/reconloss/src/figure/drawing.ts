/** An image of 8 bits, red, green and blue in turn. */
export interface Raster {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A rectangle on the figure: points of 1/72 inch, from the left and from the top. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An image at its place. */
export interface Picture extends Place {
  readonly kind: "picture";
  readonly raster: Raster;
  /** Its contents in words. */
  readonly title: string;
  /** Whether each pixel becomes a square, instead of being smoothed. */
  readonly enlarged?: boolean;
}

/** A rectangle. */
export interface Frame extends Place {
  readonly kind: "frame";
  /** `#rrggbb`. */
  readonly fill?: string;
  readonly stroke?: string;
  /** Width of the line, whose middle is on the edge; default 1. */
  readonly line?: number;
}

/** A part of a line of text. */
export interface Run {
  readonly text: string;
  readonly bold?: boolean;
}

/** One line of text. */
export interface Line {
  readonly kind: "line";
  readonly runs: readonly Run[];
  /** Its beginning or its middle, as `anchor` says. */
  readonly x: number;
  readonly anchor: "start" | "middle";
  /** The baseline. */
  readonly y: number;
  readonly size: number;
  readonly colour: string;
}

/** A figure: what is drawn, the first undermost, on white. */
export interface Drawing {
  /** In points of 1/72 inch. */
  readonly width: number;
  readonly height: number;
  /** Its contents in words. */
  readonly title: string;
  readonly parts: readonly (Picture | Frame | Line)[];
}
