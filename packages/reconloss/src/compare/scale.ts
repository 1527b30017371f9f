import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { findProtocol, protocols } from "./protocols.ts";

/** An option whose value is the scale, as in `crop=scale`. */
const isScale = /(=\s*)scale(?=\s*[,)])/gi;

/** The scale that is known: the one that was said, or the protocol's. */
export function scaleOf(scale: number | undefined, protocol: string | undefined): number | undefined {
  checkArguments("scale", { scale: [scale, "count?"] });
  if (scale !== undefined && scale < 1) {
    throw new ReconlossError("invalid-argument", `scale must be a whole number of at least 1, got ${scale}`);
  }
  const known = protocol === undefined ? undefined : findProtocol(protocol);
  if (scale !== undefined && known?.scale !== undefined && known.scale !== scale) {
    throw new ReconlossError(
      "invalid-argument",
      `scale ${scale} is not that of protocol ${known.name}: ${known.scale}`,
    );
  }
  return scale ?? known?.scale;
}

/**
 * Metrics or conditions with the scale in place of its name: `psnr(crop=scale)` is `psnr(crop=4)` where outputs are enlarged four times.
 *
 * @throws {ReconlossError} `invalid-argument` where the text needs a scale and none is known
 */
export function withScale(text: string, scale: number | undefined): string {
  if (scale !== undefined) return text.replace(isScale, `$1${scale}`);
  if (text.search(isScale) < 0) return text;
  const known = protocols.filter((protocol) => protocol.scale !== undefined).map(({ name }) => name);
  throw new ReconlossError(
    "invalid-argument",
    `${text}: the scale is not known; set --scale (scale in code), or use a protocol that has one: ${known.join(", ")}`,
  );
}
