import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { quietPort } from "../ports.ts";

/** A Redis server of a test's own, which writes what it is told to disk and can be started again. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #folder: string;
  readonly #password: string;
  /** Files of a certificate and its key: TLS alone is spoken then. */
  readonly #tls: { cert: string; key: string } | undefined;
  #process?: ChildProcess;

  private constructor(port: number, folder: string, password: string, tls?: { cert: string; key: string }) {
    this.port = port;
    this.url = `${tls ? "rediss" : "redis"}://127.0.0.1:${port}`;
    this.#tls = tls;
    this.#folder = folder;
    this.#password = password;
  }

  static async start(
    folder: string,
    { password = "", tls }: { password?: string; tls?: { cert: string; key: string } } = {},
  ): Promise<RedisServer> {
    for (;;) {
      const server = new RedisServer(quietPort(), folder, password, tls);
      if (await server.#start()) return server;
    }
  }

  /** Whether it listens: false where another program has its port. */
  async #start(): Promise<boolean> {
    const port = String(this.port);
    const files = this.#tls && ["--tls-cert-file", this.#tls.cert, "--tls-key-file", this.#tls.key];
    const listening = files
      ? ["--port", "0", "--tls-port", port, "--tls-auth-clients", "no", ...files]
      : ["--port", port];
    const options = [...listening, "--bind", "127.0.0.1", "--dir", this.#folder];
    const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
    const secret = this.#password === "" ? [] : ["--requirepass", this.#password];
    const child = spawn("redis-server", [...options, ...durable, ...secret], { stdio: "ignore" });
    const ended = once(child, "exit").then(() => false);
    const client = new Redis(this.port, "127.0.0.1", {
      ...(this.#password === "" ? {} : { password: this.#password }),
      ...(this.#tls ? { tls: { ca: readFileSync(this.#tls.cert) } } : {}),
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
    });
    client.on("error", () => {});
    const processAt = async () => Number(/process_id:(\d+)/.exec(await client.info("server"))?.[1]);
    const isOurs = processAt().then((id) => id === child.pid);
    const isReady = await Promise.race([isOurs.catch(() => false), ended]);
    client.disconnect();
    if (isReady) this.#process = child;
    return isReady;
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
    if (!(await this.#start())) throw new Error(`another program has taken port ${this.port}`);
  }
}
