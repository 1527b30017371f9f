export { ssimBlocks, ssimBlocksScratch } from "../ssim-blocks";
export { heapBase } from "../heap";
