import type { Option } from "../definitions/options.ts";
import { ReconlossError } from "../errors.ts";

/** A layer of a network that a loss looks at, and how much it counts. */
export interface WeightedTap {
  tap: string;
  weight: number;
}

/** `relu2_2+0.5*relu3_3` as taps and weights, `none` as no taps; `undefined` for anything else. */
function readTaps(text: string): WeightedTap[] | undefined {
  if (text === "none") return [];
  const taps = text.split("+").map((term) => {
    const { weight = "1", tap } =
      /^(?:(?<weight>[\d.eE-]+)\*)?(?<tap>image|[a-z]+\d+(?:_\d+)?)$/.exec(term.trim())?.groups ?? {};
    return { tap, weight: Number(weight) };
  });
  return taps.every(({ tap, weight }) => tap !== undefined && Number.isFinite(weight)) ? taps : undefined;
}

/** The option that says which layers count and how much: `relu3_3`, or `0.1*conv1_2+conv5_4`. */
export function tapsOption(fallback: string, help: string): Option<string> {
  const read = (value: unknown) => {
    const text = String(value).replaceAll(" ", "");
    return readTaps(text) === undefined ? undefined : text;
  };
  return { default: fallback, help, accepts: "taps with weights such as relu2_2+0.5*relu3_3, or none", read };
}

/** The taps and weights of a value of {@link tapsOption}. */
export function parseTaps(text: string): WeightedTap[] {
  return readTaps(text) as WeightedTap[];
}

export function tapNames(text: string): string[] {
  return parseTaps(text).map(({ tap }) => tap);
}

/** @throws {ReconlossError} `invalid-argument` where a tap is named twice */
export function checkTapsOnce(loss: string, text: string): void {
  const names = tapNames(text);
  if (new Set(names).size === names.length) return;
  throw new ReconlossError("invalid-argument", `${loss}: "${text}" lists a tap twice`);
}
