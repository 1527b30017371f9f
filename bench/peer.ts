import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A Python process beside this file that answers each line of words with a line of JSON, after one of greeting. */
export function startPeer(interpreter: string, script: string, ...words: string[]) {
  const child = spawn(interpreter, [fileURLToPath(new URL(script, import.meta.url)), ...words], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => JSON.parse((await lines.next()).value as string);
  return {
    hello: answer(),
    ask: (...words: unknown[]) => {
      child.stdin.write(`${words.join(" ")}\n`);
      return answer();
    },
    end: () => child.stdin.end(),
  };
}
