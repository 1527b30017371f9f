export { chaseBulges, clearRows } from "../reflections";
export { heapBase } from "../heap";
