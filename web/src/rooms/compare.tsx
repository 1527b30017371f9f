import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { arrowOf, formatNumber } from "../../../packages/reconloss/src/compare/numbers.ts";
import { keepSettings } from "../address.ts";
import { colourBar, coloured, extentOf } from "../colour.ts";
import { decode, type Picture } from "../decode.ts";
import { evaluator } from "../evaluator.ts";
import type { Folder } from "../folder.ts";
import type { Answer, ErrorMap, FilePair, LossInfo, Measured, ReadSpec } from "../messages.ts";
import { Canvas } from "../parts/canvas.tsx";
import { DropZone } from "../parts/drop-zone.tsx";
import { Folders } from "../parts/folders.tsx";
import { Options } from "../parts/options.tsx";
import { Snippets } from "../parts/snippets.tsx";
import { Viewer, type ViewerMode } from "../parts/viewer.tsx";
import { Weights } from "../parts/weights.tsx";
import { asJpeg, type DemoPhotograph, demoPhotographs, photograph } from "../pictures.ts";
import { splitSpecs } from "../specs.ts";

const first = ["psnr", "ssim", "ms-ssim", "deltaE", "l1", "gmsd", "ssimulacra2", "lpips(net=tiny)"];
const modes = ["slider", "blink", "side by side", "error map"] as const;
type Mode = (typeof modes)[number];

const meanings = { lower: "lower is better", higher: "higher is better", target: "closer to the target's is better" };

/** Two images by every loss. */
export function Compare({
  losses,
  settings,
  onLosses,
}: {
  losses: readonly LossInfo[];
  settings: URLSearchParams;
  /** Takes what the losses are once they have weights. */
  onLosses: (answer: Extract<Answer, { kind: "losses" }>) => void;
}) {
  const [output, setOutput] = useState<Picture>();
  const [target, setTarget] = useState<Picture>();
  const [folders, setFolders] = useState<{ output?: Folder; target?: Folder }>({});
  const [opened, setOpened] = useState<string>();
  const [demo, setDemo] = useState(settings.get("demo") ?? "flower");
  const [quality, setQuality] = useState(Number(settings.get("jpeg") ?? 20));
  const [specs, setSpecs] = useState<readonly string[]>(() => splitSpecs(settings.get("m") ?? "") ?? first);
  const [chosen, setChosen] = useState(settings.get("show") ?? "ssim");
  const [mode, setMode] = useState<Mode>((settings.get("view") as Mode | null) ?? "slider");
  const [measured, setMeasured] = useState<Readonly<Record<string, Measured | { error: string }>>>({});
  const [map, setMap] = useState<ErrorMap>();
  const [read, setRead] = useState<readonly ReadSpec[]>([]);
  const [error, setError] = useState<string>();

  // The demo's pair, until there are pictures of the user's own.
  useEffect(() => {
    if (demo === "") return;
    let isCurrent = true;
    photograph(demo in demoPhotographs ? (demo as DemoPhotograph) : "flower")
      .then(async (picture) => ({ picture, worse: await asJpeg(picture, quality / 100) }))
      .then(
        ({ picture, worse }) => {
          if (!isCurrent) return;
          setTarget(picture);
          setOutput(worse);
        },
        (problem: Error) => setError(problem.message),
      );
    return () => {
      isCurrent = false;
    };
  }, [demo, quality]);

  useEffect(() => {
    const ofDemo: Record<string, string> = demo === "" ? {} : { demo, jpeg: String(quality) };
    keepSettings("compare", { ...ofDemo, m: specs.join(", "), show: chosen, view: mode });
  }, [demo, quality, specs, chosen, mode]);

  useEffect(
    () => evaluator.ask({ kind: "read", specs }, (answer) => answer.kind === "specs" && setRead(answer.specs)),
    [specs],
  );

  useEffect(() => {
    setMeasured({});
    if (output === undefined || target === undefined) return;
    return evaluator.ask({ kind: "measure", output, target, specs }, (answer) => {
      if (answer.kind === "measured") setMeasured((before) => ({ ...before, [answer.measured.spec]: answer.measured }));
      if (answer.kind !== "failed") return;
      const { spec, error } = answer;
      if (spec === undefined) setError(error);
      else setMeasured((before) => ({ ...before, [spec]: { error } }));
    });
    // Losses are others once their weights are there.
  }, [output, target, specs, losses]);

  const ofChosen = measured[chosen];
  const hasMap = ofChosen !== undefined && "hasMap" in ofChosen && ofChosen.hasMap;
  const isPending = ofChosen === undefined;
  const better = ofChosen !== undefined && "better" in ofChosen ? ofChosen.better : "lower";
  useEffect(() => {
    setMap(undefined);
    if (mode !== "error map" || !hasMap || output === undefined || target === undefined) return;
    return evaluator.ask({ kind: "map", output, target, spec: chosen }, (answer) => {
      if (answer.kind === "map") setMap(answer.map);
      if (answer.kind === "failed") setError(answer.error);
    });
  }, [mode, chosen, hasMap, output, target]);

  // Two images may be decoded at once, by functions of one rendering.
  const demoNow = useRef(demo);
  demoNow.current = demo;
  const take = (side: "output" | "target") => (picture: Picture) => {
    setError(undefined);
    setFolders({});
    // An image of the demo is no partner of the user's own.
    if (demoNow.current !== "") (side === "output" ? setTarget : setOutput)(undefined);
    demoNow.current = "";
    setDemo("");
    (side === "output" ? setOutput : setTarget)(picture);
  };
  const takeFolder = (side: "output" | "target") => (folder: Folder) => {
    setError(undefined);
    setDemo("");
    setOutput(undefined);
    setTarget(undefined);
    setOpened(undefined);
    setFolders((before) => ({ ...before, [side]: folder }));
  };
  const open = async (pair: FilePair) => {
    setError(undefined);
    setOpened(pair.name);
    const [a, b] = await Promise.all([pair.output, pair.target].map((file) => decode(file, file.name)));
    setOutput(a);
    setTarget(b);
  };
  const networks = Object.values(measured).flatMap((each) => ("network" in each && each.network) || []);
  const info = losses.find(({ name }) => name === read.find(({ typed }) => typed === chosen)?.name);
  const chosenRead = read.find(({ typed }) => typed === chosen);
  const replace = (spec: string) => {
    setSpecs((before) => [...new Set(before.map((each) => (each === chosen ? spec : each)))]);
    setChosen(spec);
  };
  const extent = useMemo(() => map && extentOf(map), [map]);
  const mapImage = useMemo(
    () => map && extent && target && coloured(map, target, extent, better === "higher"),
    [map, extent, better, target],
  );

  return (
    <>
      <div class="inputs">
        {(["output", "target"] as const).map((side) => (
          <DropZone
            key={side}
            title={side === "output" ? "Output" : "Target"}
            holds={(side === "output" ? output : target) ?? folders[side]}
            onPicture={take(side)}
            onFolder={takeFolder(side)}
            onError={setError}
          />
        ))}
        <div class="drop">
          <label>
            <strong>Or a pair of the demo</strong>
            <select value={demo} onChange={({ currentTarget }) => setDemo(currentTarget.value)}>
              <option value="">my own images</option>
              {Object.keys(demoPhotographs).map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          {demo !== "" && (
            <label>
              <span>JPEG quality of the output: {quality}</span>
              <input
                type="range"
                min="1"
                max="100"
                value={quality}
                onChange={({ currentTarget }) => setQuality(Number(currentTarget.value))}
              />
            </label>
          )}
        </div>
      </div>
      <p class="wrong" role="alert">
        {error ?? sizesDiffer(output, target)}
      </p>
      {folders.output && folders.target && (
        <Folders
          output={folders.output}
          target={folders.target}
          specs={specs}
          opened={opened}
          onOpen={(pair) => void open(pair).catch((problem: Error) => setError(problem.message))}
        />
      )}
      <div class="columns">
        <section aria-label="Images">
          <div class="bar" role="group" aria-label="View">
            {modes.map((name) => (
              <button key={name} type="button" aria-pressed={mode === name} onClick={() => setMode(name)}>
                {name}
              </button>
            ))}
          </div>
          {output && target && (
            <Viewer
              above={mode === "error map" && mapImage ? mapImage : output}
              below={target}
              names={[mode === "error map" ? (mapImage ? `error map of ${chosen}` : "output") : "output", "target"]}
              mode={mode === "error map" ? "slider" : (mode as ViewerMode)}
            />
          )}
          {mode === "error map" &&
            (mapImage && extent ? (
              <div class="scale">
                <span>{extent[0].toPrecision(3)}</span>
                <Canvas image={colourBar(better === "higher")} label={`colours of the error map of ${chosen}`} />
                <span>{extent[1].toPrecision(3)}</span>
              </div>
            ) : (
              <p class="quiet">
                {hasMap || isPending ? "computing the error map" : `${chosen} has no error map: choose another loss`}
              </p>
            ))}
          <Snippets specs={specs} output={output?.name ?? "output.png"} target={target?.name ?? "target.png"} />
        </section>
        <section aria-label="Losses">
          <div class="scroll">
            <table class="values">
              <thead>
                <tr>
                  <th scope="col">loss</th>
                  <th scope="col">value</th>
                  <th scope="col">time</th>
                  <th scope="col">
                    <span class="quiet">remove</span>
                  </th>
                </tr>
              </thead>
              <tbody aria-live="polite">
                {specs.map((spec) => (
                  <Row
                    key={spec}
                    spec={spec}
                    result={measured[spec]}
                    isChosen={spec === chosen}
                    onChoose={() => setChosen(spec)}
                    onRemove={() => setSpecs((before) => before.filter((each) => each !== spec))}
                  />
                ))}
              </tbody>
            </table>
          </div>
          <div class="bar">
            <label>
              add{" "}
              <select
                value=""
                onChange={({ currentTarget }) => {
                  const { value } = currentTarget;
                  if (value === "") return;
                  setSpecs((before) => [...new Set([...before, value])]);
                  setChosen(value);
                  currentTarget.value = "";
                }}
              >
                <option value="">a loss</option>
                {losses.flatMap(({ name, here, summary, weighted }) =>
                  formsHere(here, weighted).map((spec) => (
                    <option key={name + spec} value={spec} disabled={spec === undefined} title={summary}>
                      {spec ?? `${name} (needs weights)`}
                    </option>
                  )),
                )}
              </select>
            </label>
            <button type="button" onClick={() => setSpecs(losses.flatMap(({ here }) => here ?? []))}>
              all
            </button>
            <button type="button" onClick={() => setSpecs(first)}>
              the usual ones
            </button>
          </div>
          {networks[0] && (
            <p class="quiet">
              {networks[0].device === "webgpu"
                ? "Networks run on the GPU, by WebGPU."
                : `Networks run on the CPU: ${networks[0].reason}.`}
            </p>
          )}
          <Weights losses={losses} onLosses={onLosses} />
          {info && chosenRead && <Options info={info} read={chosenRead} onSpec={replace} />}
          {chosenRead?.error && <p class="wrong">{chosenRead.error}</p>}
        </section>
      </div>
    </>
  );
}

/** One sentence for a pair of different sizes, which most losses reject. */
function sizesDiffer(output: Picture | undefined, target: Picture | undefined): string | undefined {
  if (output === undefined || target === undefined) return undefined;
  const [a, b] = [output, target].map(({ width, height }) => `${width}x${height}`);
  return a === b
    ? undefined
    : `The output has ${a} pixels and the target ${b}: most losses need the same size; crop or resize one of them.`;
}

/** The forms of a loss that can be computed here, or undefined alone. */
function formsHere(here: string | undefined, weighted: LossInfo["weighted"]): readonly (string | undefined)[] {
  const withWeights = weighted.filter(({ needs }) => needs.every(({ isHere }) => isHere)).map(({ spec }) => spec);
  const forms = [...(here === undefined ? [] : [here]), ...withWeights];
  return forms.length === 0 ? [undefined] : forms;
}

function Row({
  spec,
  result,
  isChosen,
  onChoose,
  onRemove,
}: {
  spec: string;
  result?: Measured | { error: string };
  isChosen: boolean;
  onChoose: () => void;
  onRemove: () => void;
}) {
  return (
    <tr class={isChosen ? "chosen" : undefined}>
      <th scope="row">
        <button type="button" class="plain" aria-pressed={isChosen} onClick={onChoose}>
          {spec}
        </button>
      </th>
      {result === undefined ? (
        <td class="number quiet">…</td>
      ) : "error" in result ? (
        <td class="wrong">{result.error}</td>
      ) : (
        <td class="number">
          {formatNumber(result.value, result.decimals)}{" "}
          <span title={meanings[result.better]}>
            <span aria-hidden="true">{arrowOf(result.better)}</span>
          </span>
          {result.targetValue !== undefined && (
            <div class="quiet">target {formatNumber(result.targetValue, result.decimals)}</div>
          )}
        </td>
      )}
      <td class="number quiet">{result && "value" in result ? `${result.milliseconds.toFixed(0)} ms` : ""}</td>
      <td>
        <button type="button" class="plain" aria-label={`remove ${spec}`} onClick={onRemove}>
          ×
        </button>
      </td>
    </tr>
  );
}
