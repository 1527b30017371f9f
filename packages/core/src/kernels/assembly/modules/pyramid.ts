export { halve, mix, unhalve } from "../pyramid";
export { heapBase } from "../heap";
