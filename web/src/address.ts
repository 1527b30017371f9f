import { useEffect, useState } from "preact/hooks";

/** The settings in the page's address: `#room?key=value`. */
export interface Address {
  readonly room: string;
  /** Counts the addresses that were gone to: each begins anew. */
  readonly visit: number;
  readonly settings: URLSearchParams;
}

let visits = 0;

function read(): Address {
  const [room = "", query = ""] = location.hash.slice(1).split("?");
  return { room, visit: ++visits, settings: new URLSearchParams(query) };
}

/** The address, as it changes. */
export function useAddress(): Address {
  const [address, set] = useState(read);
  useEffect(() => {
    const changed = () => set(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return address;
}

/** Puts settings into the address without an entry in the history, so that a link holds them. */
export function keepSettings(room: string, settings: Readonly<Record<string, string>>): void {
  const hash = `#${room}?${new URLSearchParams(settings)}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
}
