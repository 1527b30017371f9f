export { ssimConfigure, ssimScratch, ssimStrip, ssimUnpad } from "../ssim";
export { heapBase } from "../heap";
