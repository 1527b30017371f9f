import { useEffect, useRef, useState } from "preact/hooks";
import { keepSettings } from "../address.ts";
import type { Picture } from "../decode.ts";
import { evaluator } from "../evaluator.ts";
import type { Descent } from "../messages.ts";
import { Canvas } from "../parts/canvas.tsx";
import { DropZone } from "../parts/drop-zone.tsx";
import { photograph, square } from "../pictures.ts";

const side = 128;
const examples = [
  "l1",
  "mse",
  "ssim",
  "ms-ssim(size=3)",
  "l1 + 0.1*ssim",
  "deltaE",
  "l1 + 0.5*tv",
  "gmsd",
  "fft",
  "lpips(net=tiny)",
  "l1 + lpips(net=tiny)",
];

/** Pixels optimised from noise under a loss. */
export function Descend({ settings }: { settings: URLSearchParams }) {
  const [target, setTarget] = useState<Picture>();
  const [spec, setSpec] = useState(settings.get("loss") ?? "l1 + 0.1*ssim");
  const [start, setStart] = useState<"noise" | "grey">(settings.get("start") === "grey" ? "grey" : "noise");
  const [learningRate, setLearningRate] = useState(settings.get("rate") ?? "0.02");
  const [isRunning, setRunning] = useState(false);
  const [descent, setDescent] = useState<Descent>();
  const [error, setError] = useState<string>();
  const curve = useRef<{ step: number; value: number }[]>([]);

  useEffect(() => {
    photograph("flower").then(
      (whole) => setTarget((before) => before ?? square(whole, side)),
      (problem: Error) => setError(problem.message),
    );
  }, []);
  useEffect(() => keepSettings("descend", { loss: spec, start, rate: learningRate }), [spec, start, learningRate]);

  useEffect(() => {
    if (!isRunning || target === undefined) return;
    curve.current = [];
    setError(undefined);
    const rate = Number(learningRate);
    const stopListening = evaluator.ask({ kind: "descend", target, start, spec, learningRate: rate }, (answer) => {
      if (answer.kind === "descent") {
        curve.current.push({ step: answer.descent.step, value: answer.descent.value });
        setDescent(answer.descent);
      }
      if (answer.kind === "failed") {
        setError(answer.error);
        setRunning(false);
      }
    });
    return () => {
      stopListening();
      evaluator.ask({ kind: "stop" }, () => {});
    };
  }, [isRunning, target, spec, start, learningRate]);

  return (
    <>
      <p class="wrong" role="alert">
        {error}
      </p>
      <div class="bar">
        <label>
          loss{" "}
          <input
            size={34}
            list="sums"
            value={spec}
            onChange={({ currentTarget }) => setSpec(currentTarget.value)}
            spellcheck={false}
          />
        </label>
        <datalist id="sums">
          {examples.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <label>
          from{" "}
          <select value={start} onChange={({ currentTarget }) => setStart(currentTarget.value as "noise" | "grey")}>
            <option value="noise">noise</option>
            <option value="grey">grey</option>
          </select>
        </label>
        <label>
          learning rate{" "}
          <input
            type="number"
            min="0.0001"
            max="1"
            step="any"
            value={learningRate}
            onChange={({ currentTarget }) => setLearningRate(currentTarget.value)}
          />
        </label>
        <button type="button" class="main" onClick={() => setRunning((before) => !before)}>
          {isRunning ? "stop" : "descend"}
        </button>
        <span class="quiet" aria-live="off">
          {descent &&
            `step ${descent.step}, ${descent.value.toPrecision(5)}, ${descent.milliseconds.toFixed(1)} ms a step`}
        </span>
      </div>
      <div class="columns">
        <section aria-label="Pixels">
          <div class="pair">
            <figure style={{ margin: 0 }}>
              {descent ? <Canvas class="shown" image={descent.image} label="the optimised pixels" /> : null}
              <figcaption class="quiet">{descent ? "optimised pixels" : "press descend"}</figcaption>
            </figure>
            <figure style={{ margin: 0 }}>
              {target && <Canvas class="shown" image={target} label="the target" />}
              <figcaption class="quiet">target</figcaption>
            </figure>
          </div>
        </section>
        <section aria-label="Progress">
          <Progress points={curve.current} />
          <DropZone
            title="Another target"
            holds={target}
            onPicture={(whole) => setTarget(square(whole, side))}
            onError={setError}
          />
        </section>
      </div>
    </>
  );
}

/** The value over steps. */
function Progress({ points }: { points: readonly { step: number; value: number }[] }) {
  if (points.length < 2) return null;
  const values = points.map(({ value }) => value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const last = points[points.length - 1].step;
  const at = ({ step, value }: { step: number; value: number }) =>
    `${(100 * step) / last} ${100 - (100 * (value - least)) / (most - least || 1)}`;
  return (
    <figure class="curve">
      <figcaption>
        value, from {most.toPrecision(4)} to {least.toPrecision(4)}
      </figcaption>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="the value over steps">
        <path d={`M${points.map(at).join(" L")}`} />
      </svg>
    </figure>
  );
}
