export {
  boxColours,
  type FigureBox,
  type FigureImage,
  type FigureOptions,
  type FigureRecord,
  writeFigure,
} from "./figure.ts";
export type { Box, LayoutOptions } from "./layout.ts";
export { type ProposedRegion, proposeRegions, type RegionOptions } from "./regions.ts";
