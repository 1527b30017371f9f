import { fileURLToPath } from "node:url";
import { addWeightsPlace } from "@reconloss/core/weights";

const reading = () => Promise.all([import("./locate.ts"), import("./open.ts")]);

// Importing this module makes losses find their weights on this machine, and download what is not there.
addWeightsPlace({
  name: "this machine",
  open: async ({ name }) => {
    const [{ resolveWeights }, { fileSource }] = await reading();
    return fileSource(await resolveWeights(name));
  },
  openPath: async (path, name) => {
    const [{ explicitFile }, { fileSource }] = await reading();
    return fileSource(await explicitFile(path.startsWith("file:") ? fileURLToPath(path) : path, name));
  },
});
