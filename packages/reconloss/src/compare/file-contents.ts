/** The content of files that were read before, by their paths. */
export type FileContents = ReadonlyMap<string, Uint8Array>;
