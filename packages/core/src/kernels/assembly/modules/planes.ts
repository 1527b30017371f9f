export { averageRows, fromPlanes, planesScratch, toPlanes } from "../planes";
export { heapBase } from "../heap";
