import { createHash } from "node:crypto";

/** The most bytes of a name that file systems take, less room for the endings of pictures beside it. */
const longestName = 200;

/**
 * The name of a snapshot's file, without its ending, from what the snapshot is called: letters and digits of any script, dots and hyphens as they are, and `_` for a space. What is
 * lost of a name is made up for by a hash, so that names stay different.
 */
export function snapshotName(name: string): string {
  const safe = name.replace(/[^\p{L}\p{N}\p{M}. -]+/gu, "-").replace(/^\.+/, "-");
  const text = safe.replaceAll(" ", "_");
  if (safe === name && name !== "" && Buffer.byteLength(text) <= longestName) return text;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  let kept = text;
  while (Buffer.byteLength(kept) > longestName - hash.length - 1) kept = kept.slice(0, -1);
  return `${kept}~${hash}`;
}
