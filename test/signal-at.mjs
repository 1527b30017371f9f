// Loaded into a program: it sends itself a signal at one of its writes to a file of some name; where that kills it, half of what was to be written is on disk.
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const { file, write, signal } = JSON.parse(process.env.RECONLOSS_TEST_SIGNAL);
const { open } = promises;
let writes = 0;

async function send(writeHalf) {
  if (signal === "SIGKILL") await writeHalf();
  process.kill(process.pid, signal);
  if (signal === "SIGKILL") await new Promise(() => {});
}

promises.open = async (path, ...rest) => {
  const handle = await open(path, ...rest);
  if (!String(path).endsWith(file)) return handle;
  const [writeBytes, appendFile] = [handle.write.bind(handle), handle.appendFile.bind(handle)];
  handle.write = async (bytes, offset, length, position) => {
    if (++writes === write) await send(() => writeBytes(bytes, offset, length >> 1, position));
    return writeBytes(bytes, offset, length, position);
  };
  handle.appendFile = async (data, ...options) => {
    if (++writes === write) await send(() => appendFile(data.slice(0, data.length >> 1), ...options));
    return appendFile(data, ...options);
  };
  return handle;
};
syncBuiltinESMExports();
