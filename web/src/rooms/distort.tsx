import { useEffect, useState } from "preact/hooks";
import { badness } from "../../../packages/reconloss/src/compare/numbers.ts";
import { keepSettings } from "../address.ts";
import type { Picture } from "../decode.ts";
import { evaluator } from "../evaluator.ts";
import type { LossInfo, Pixels, Response } from "../messages.ts";
import { Canvas } from "../parts/canvas.tsx";
import { DropZone } from "../parts/drop-zone.tsx";
import { photograph, square } from "../pictures.ts";
import { splitSpecs } from "../specs.ts";

const first = ["l1", "psnr", "ssim", "ms-ssim(size=7)", "deltaE", "gmsd", "ssimulacra2", "tv", "lpips(net=tiny)"];
const strengths = [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1];
const side = 192;

/** A picture that gets worse by a slider, and what each loss makes of it. */
export function Distort({
  losses,
  distortions,
  settings,
}: {
  losses: readonly LossInfo[];
  distortions: readonly string[];
  settings: URLSearchParams;
}) {
  const [picture, setPicture] = useState<Picture>();
  const [distortion, setDistortion] = useState(settings.get("distortion") ?? "blur");
  const [strength, setStrength] = useState(Number(settings.get("strength") ?? 0.4));
  const [seed, setSeed] = useState(Number(settings.get("seed") ?? 1));
  const [specs, setSpecs] = useState<readonly string[]>(() => splitSpecs(settings.get("m") ?? "") ?? first);
  const [shown, setShown] = useState<Pixels>();
  const [responses, setResponses] = useState<readonly Response[]>([]);
  const [now, setNow] = useState<readonly Response[]>([]);
  const [error, setError] = useState<string>();

  useEffect(() => {
    photograph("flower").then(
      (whole) => setPicture((before) => before ?? square(whole, side)),
      (problem: Error) => setError(problem.message),
    );
  }, []);

  useEffect(
    () => keepSettings("distort", { distortion, strength: String(strength), seed: String(seed), m: specs.join(", ") }),
    [distortion, strength, seed, specs],
  );

  useEffect(() => {
    if (picture === undefined) return;
    setResponses([]);
    return evaluator.ask({ kind: "respond", image: picture, distortion, strengths, specs, seed }, (answer) => {
      if (answer.kind === "response") setResponses((before) => [...before, answer.response]);
      if (answer.kind === "failed") setError(answer.error);
    });
  }, [picture, distortion, specs, seed]);

  useEffect(() => {
    if (picture === undefined) return;
    return evaluator.ask({ kind: "distort", image: picture, distortion, strength, seed }, (answer) => {
      if (answer.kind === "image") setShown(answer.image);
      if (answer.kind === "failed") setError(answer.error);
    });
  }, [picture, distortion, strength, seed]);

  useEffect(() => {
    if (picture === undefined || shown === undefined) return;
    setNow([]);
    return evaluator.ask({ kind: "measure", output: shown, target: picture, specs }, (answer) => {
      if (answer.kind !== "measured") return;
      const { spec, value } = answer.measured;
      setNow((before) => [...before, { spec, strength, value }]);
    });
  }, [shown, picture, specs]);

  const betterOf = (spec: string) => losses.find(({ name }) => name === spec.replace(/\(.*/, ""))?.better ?? "lower";
  return (
    <>
      <p class="wrong" role="alert">
        {error}
      </p>
      <div class="columns">
        <section aria-label="Response of each loss">
          <p class="quiet">
            Each curve is a loss over the strength of the distortion, worse upwards; the dot is the picture shown. A
            flat curve is a distortion that the loss does not mind.
          </p>
          <div class="curves">
            {specs.map((spec) => (
              <Curve
                key={spec}
                spec={spec}
                better={betterOf(spec)}
                points={responses.filter((response) => response.spec === spec)}
                now={now.find((response) => response.spec === spec)}
                onRemove={() => setSpecs((before) => before.filter((each) => each !== spec))}
              />
            ))}
          </div>
          <div class="bar">
            <label>
              add{" "}
              <select
                value=""
                onChange={({ currentTarget }) => {
                  const { value } = currentTarget;
                  if (value !== "") setSpecs((before) => [...new Set([...before, value])]);
                  currentTarget.value = "";
                }}
              >
                <option value="">a loss</option>
                {losses.flatMap(({ name, here }) =>
                  here === undefined
                    ? []
                    : [
                        <option key={name} value={here}>
                          {here}
                        </option>,
                      ],
                )}
              </select>
            </label>
          </div>
        </section>
        <section aria-label="Picture">
          <div class="bar">
            <label>
              distortion{" "}
              <select value={distortion} onChange={({ currentTarget }) => setDistortion(currentTarget.value)}>
                {distortions.map((name) => (
                  <option key={name} value={name}>
                    {name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}
                  </option>
                ))}
              </select>
            </label>
            <button type="button" onClick={() => setSeed((before) => before + 1)}>
              draw again
            </button>
          </div>
          <label>
            strength: {strength.toFixed(2)}
            <input
              type="range"
              min="0"
              max="1"
              step="0.01"
              value={strength}
              onInput={({ currentTarget }) => setStrength(Number(currentTarget.value))}
            />
          </label>
          {shown && (
            <Canvas class="shown" image={shown} label={`the picture with ${distortion} of strength ${strength}`} />
          )}
          <DropZone
            title="Another picture"
            holds={picture}
            onPicture={(whole) => setPicture(square(whole, side))}
            onError={setError}
          />
        </section>
      </div>
    </>
  );
}

/** A loss over strengths from 0 to 1; what is worse is higher. */
function Curve({
  spec,
  points,
  now,
  better,
  onRemove,
}: {
  spec: string;
  points: readonly Response[];
  now?: Response;
  better: LossInfo["better"];
  onRemove: () => void;
}) {
  const known = points.filter(({ value }) => value !== undefined && Number.isFinite(value));
  const own = points.find(({ strength }) => strength === 0)?.value ?? 0;
  // Of a prior, worse is further from the picture's own value.
  const worse = (value: number) => badness(better, value, own);
  const values = [...known, ...(now && Number.isFinite(now.value) ? [now] : [])].map(({ value }) =>
    worse(value as number),
  );
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const y = (value: number) => 100 - (most > least ? (100 * (worse(value) - least)) / (most - least) : 0);
  const line = known.map(({ strength, value }, i) => `${i === 0 ? "M" : "L"}${100 * strength} ${y(value as number)}`);
  const shown = (value: number) => (Number.isFinite(value) ? value.toPrecision(4) : "∞");
  return (
    <figure class="curve">
      <figcaption>
        {spec}{" "}
        <span class="quiet">
          {now?.value !== undefined
            ? shown(now.value)
            : points.length > 0 && known.length === 0
              ? "not of this picture"
              : ""}
        </span>
        <button type="button" aria-label={`remove ${spec}`} onClick={onRemove} style={{ float: "right", border: "0" }}>
          ×
        </button>
      </figcaption>
      <svg
        viewBox="0 0 100 100"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${spec} over the strength of the distortion`}
      >
        <line x1="0" y1="100" x2="100" y2="100" />
        <path d={line.join(" ")} />
        {now?.value !== undefined && Number.isFinite(now.value) && (
          <ellipse cx={100 * now.strength} cy={y(now.value)} rx="2" ry="5" fill="currentColor" />
        )}
      </svg>
    </figure>
  );
}
