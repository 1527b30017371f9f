/** The first address after a module's own numbers. */
export function heapBase(): usize {
  return __heap_base;
}
