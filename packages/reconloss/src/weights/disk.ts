import { fileURLToPath } from "node:url";
import { addWeightsPlace } from "@reconloss/core/weights";
import { explicitFile, resolveWeights } from "./locate.ts";
import { fileSource } from "./open.ts";

// Importing this module makes losses find their weights on this machine, and download what is not there.
addWeightsPlace({
  name: "this machine",
  open: async ({ name }) => fileSource(await resolveWeights(name)),
  openPath: async (path, name) =>
    fileSource(await explicitFile(path.startsWith("file:") ? fileURLToPath(path) : path, name)),
});
