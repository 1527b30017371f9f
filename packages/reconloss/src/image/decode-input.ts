import { setImageDecoder } from "@reconloss/core";
import { decodePixels } from "./read.ts";

// Importing this module makes losses take the bytes of encoded files.
setImageDecoder(async (bytes) => (await decodePixels(bytes)).pixels);
