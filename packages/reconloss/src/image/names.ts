import { extname } from "node:path";

/** A name in composed Unicode: composed and decomposed names are the same. */
export function sameName(name: string): string {
  return name.normalize("NFC");
}

/** A name without its extension. */
export function stemOf(name: string): string {
  return name.slice(0, name.length - extname(name).length);
}
