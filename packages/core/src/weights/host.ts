/** What a signal to stop looks like: an `AbortSignal`. */
export interface StopSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
}

/** As much of a `Response` as is used. */
export interface HostResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: {
    getReader(): {
      read(): Promise<{ done: boolean; value?: Uint8Array }>;
      cancel(reason?: unknown): Promise<void>;
    };
  } | null;
}

/** As much of a `Cache` as is used. */
export interface HostCache {
  match(url: string): Promise<HostResponse | undefined>;
  put(url: string, response: HostResponse): Promise<void>;
  delete(url: string): Promise<boolean>;
}

/** What hosts have of the web's interfaces, and some do not. */
interface Host {
  readonly crypto?: { readonly subtle?: { digest(algorithm: "SHA-256", bytes: Uint8Array): Promise<ArrayBuffer> } };
  readonly caches?: { open(name: string): Promise<HostCache> };
  readonly document?: { readonly baseURI: string };
  readonly location?: { readonly href: string; readonly origin: string };
  readonly fetch?: (
    url: string,
    options: { signal?: StopSignal; cache?: "no-cache" | "no-store" },
  ) => Promise<HostResponse>;
  readonly Response: new (body: Uint8Array, options: { headers: Record<string, string> }) => HostResponse;
  readonly URL: new (url: string, base?: string) => { readonly href: string; readonly origin: string };
}

/** The globals of a page, a worker or another JavaScript host. */
export const host = globalThis as unknown as Host;
