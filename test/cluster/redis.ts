import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** A Redis server of a test's own, which writes what it is told to disk and can be started again. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #folder: string;
  readonly #password: string;
  #process?: ChildProcess;

  private constructor(port: number, folder: string, password: string) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#password = password;
  }

  static async start(folder: string, { password = "" } = {}): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), folder, password);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const options = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder];
    const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
    const secret = this.#password === "" ? [] : ["--requirepass", this.#password];
    this.#process = spawn("redis-server", [...options, ...durable, ...secret], { stdio: "ignore" });
    const client = new Redis(this.port, "127.0.0.1", {
      ...(this.#password === "" ? {} : { password: this.#password }),
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
    });
    client.on("error", () => {});
    await client.ping();
    client.disconnect();
  }

  async stop(): Promise<void> {
    if (this.#process === undefined) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await gone;
    this.#process = undefined;
  }

  /** Ends the server, and starts it again with what it has on disk. */
  async restart(milliseconds: number): Promise<void> {
    await this.stop();
    await sleep(milliseconds);
    await this.start();
  }
}
