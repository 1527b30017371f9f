import { ReconlossError } from "@reconloss/core";
import { asContentErrors, openZipEntry, readZipDirectory, type ZipEntry } from "@reconloss/core/internal";
import type { ByteSource } from "@reconloss/core/weights";
import { headLength } from "../../image/formats.ts";
import type { PixelOptions } from "../../image/index.ts";
import type { ImageSet } from "../image-set.ts";
import { checkSize, unreadable } from "./encoded.ts";
import type { Input } from "./input.ts";
import { MemberIndex } from "./members.ts";

/** The bits of a mode that say what a file is, and what they are of a link. */
const [typeBits, link] = [0o170000, 0o120000];

/** A zip archive, read by its directory, members stored or deflated; nothing is unpacked to disk. */
export const zip: Input = {
  name: "zip",
  extensions: [".zip"],
  open: async (source, { options }) => ({ images: () => zipImages(source, options) }),
};

async function zipImages(source: ByteSource, options: PixelOptions): Promise<ImageSet> {
  const { records, start } = await asContentErrors(() => readZipDirectory(source));
  const index = new MemberIndex(source.name);
  for (const [at, record] of records.entries()) {
    const { name, size, mode } = record;
    if (name.endsWith("/")) continue;
    if ((mode & typeBits) === link) index.ignore("link");
    else {
      const head = async () => openZipEntry(source, record, start).read(0, Math.min(size, headLength));
      await index.add({ name, at, size }, () => head().catch(ignoreDamage));
    }
  }
  return index.set(async ({ at, size }, name) => {
    checkSize(name, size);
    return readMember(() => openZipEntry(source, records[at], start), name, source.name);
  }, options);
}

/** A damaged member is told when it is read. */
function ignoreDamage(error: unknown): undefined {
  if (!(error instanceof ReconlossError) || error.code !== "checkpoint") throw error;
}

/** Reads one member; damage to it leaves the others readable. */
async function readMember(open: () => ZipEntry, name: string, archive: string): Promise<Uint8Array> {
  try {
    return await open().readAll();
  } catch (error) {
    if (!(error instanceof ReconlossError) || error.code !== "checkpoint") throw error;
    throw unreadable(name, error.message.replace(`${archive}: `, ""), error);
  }
}
