/** A signal to stop, such as an `AbortSignal`. */
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

/** Interfaces of the web that only some hosts have, to be asked for first; those of all hosts are in globals.d.ts. */
interface Host {
  readonly crypto?: { readonly subtle?: { digest(algorithm: "SHA-256", bytes: Uint8Array): Promise<ArrayBuffer> } };
  readonly caches?: { open(name: string): Promise<HostCache> };
  readonly document?: { readonly baseURI: string };
  readonly location?: { readonly href: string; readonly origin: string };
  readonly fetch?: (
    url: string,
    options: { signal?: StopSignal; cache?: "no-cache" | "no-store" },
  ) => Promise<HostResponse>;
  /** On hosts with caches. */
  readonly Response: new (
    body: Uint8Array,
    options: { headers: Record<string, string> },
  ) => HostResponse;
}

/** This host's. */
export const host = globalThis as unknown as Host;
