/** A name in composed Unicode: composed and decomposed names are the same. */
export function sameName(name: string): string {
  return name.normalize("NFC");
}

/** A name without its extension, as `extname` of node:path has it: pages use this too. */
export function stemOf(name: string): string {
  return name.replace(/(?<=[^/\\])\.[^./\\]*$/, "");
}
