import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Pixels } from "../messages.ts";
import { Canvas } from "./canvas.tsx";

/** The position of the images in the stage: magnification, and the place of their upper left corner. */
interface Position {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

export type ViewerMode = "slider" | "blink" | "side by side";

const blinkMilliseconds = 500;
const [leastZoom, mostZoom] = [1 / 16, 64];

function fitting(width: number, height: number, stage: HTMLElement): Position {
  const zoom = Math.min(stage.clientWidth / width, stage.clientHeight / height, 8);
  return { zoom, x: (stage.clientWidth - zoom * width) / 2, y: (stage.clientHeight - zoom * height) / 2 };
}

/** Two images of a size on one another, under a slider, in turn, or side by side, with one zoom. */
export function Viewer({
  below,
  above,
  names,
  mode,
}: {
  /** Shown on the right of the slider. */
  below: Pixels | ImageData;
  /** Shown on the left of it. */
  above: Pixels | ImageData;
  names: readonly [above: string, below: string];
  mode: ViewerMode;
}) {
  const stages = [useRef<HTMLDivElement>(null), useRef<HTMLDivElement>(null)];
  const [position, setPosition] = useState<Position>({ zoom: 1, x: 0, y: 0 });
  const [share, setShare] = useState(50);
  const [isFirst, setFirst] = useState(true);
  const { width, height } = below;

  useEffect(() => {
    const stage = stages[0].current;
    if (stage === null) return;
    // Also when a window is resized or a phone turned; an observer is called once to begin with.
    const observer = new ResizeObserver(() => setPosition(fitting(width, height, stage)));
    observer.observe(stage);
    return () => observer.disconnect();
  }, [width, height, mode === "side by side"]);

  useEffect(() => {
    if (mode !== "blink") return;
    const timer = setInterval(() => setFirst((first) => !first), blinkMilliseconds);
    return () => clearInterval(timer);
  }, [mode]);

  const zoomBy = (factor: number, atX: number, atY: number) =>
    setPosition(({ zoom, x, y }) => {
      const next = Math.min(mostZoom, Math.max(leastZoom, zoom * factor));
      return { zoom: next, x: atX - ((atX - x) * next) / zoom, y: atY - ((atY - y) * next) / zoom };
    });

  // Listeners that may prevent the page from scrolling are not passive.
  useEffect(() => {
    const wheel = (event: WheelEvent) => {
      event.preventDefault();
      const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
      zoomBy(1.2 ** -Math.sign(event.deltaY), event.clientX - box.left, event.clientY - box.top);
    };
    const shown = stages.flatMap(({ current }) => current ?? []);
    for (const stage of shown) stage.addEventListener("wheel", wheel, { passive: false });
    return () => {
      for (const stage of shown) stage.removeEventListener("wheel", wheel);
    };
  });

  const drag = useRef<{ x: number; y: number } | undefined>(undefined);
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      drag.current = { x: event.clientX, y: event.clientY };
      (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent) => {
      const from = drag.current;
      if (from === undefined) return;
      drag.current = { x: event.clientX, y: event.clientY };
      setPosition(({ zoom, x, y }) => ({ zoom, x: x + event.clientX - from.x, y: y + event.clientY - from.y }));
    },
    onPointerUp: () => {
      drag.current = undefined;
    },
    onKeyDown: (event: KeyboardEvent) => {
      const stage = event.currentTarget as HTMLElement;
      const [middleX, middleY] = [stage.clientWidth / 2, stage.clientHeight / 2];
      const moves: Record<string, readonly [number, number]> = {
        ArrowLeft: [40, 0],
        ArrowRight: [-40, 0],
        ArrowUp: [0, 40],
        ArrowDown: [0, -40],
      };
      const move = moves[event.key];
      if (move) setPosition(({ zoom, x, y }) => ({ zoom, x: x + move[0], y: y + move[1] }));
      else if (event.key === "+" || event.key === "=") zoomBy(1.25, middleX, middleY);
      else if (event.key === "-") zoomBy(0.8, middleX, middleY);
      else if (event.key === "0") setPosition(fitting(width, height, stage));
      else return;
      event.preventDefault();
    },
  };

  const transform = `translate(${position.x}px, ${position.y}px) scale(${position.zoom})`;
  const cut = ((stages[0].current?.clientWidth ?? 0) * share) / 100;
  const inImage = Math.max(0, Math.min(width, (cut - position.x) / position.zoom));
  const clip =
    mode === "slider"
      ? `inset(0 ${width - inImage}px 0 0)`
      : mode === "blink" && !isFirst
        ? "inset(0 100% 0 0)"
        : undefined;
  const lower = useMemo(() => <Canvas image={below} label={names[1]} />, [below, names[1]]);
  const upper = useMemo(() => <Canvas image={above} label={names[0]} />, [above, names[0]]);
  const near = position.zoom >= 2 ? "stage near" : "stage";
  const help = "drag or arrow keys move, wheel or + and - zoom, 0 shows all";

  if (mode === "side by side") {
    return (
      <div class="pair">
        {[upper, lower].map((image, side) => (
          <div
            key={names[side]}
            class={near}
            ref={stages[side]}
            role="group"
            tabIndex={0}
            aria-label={`${names[side]}: ${help}`}
            {...handlers}
          >
            <div class="moved" style={{ transform }}>
              {image}
            </div>
            <span class="label">{names[side]}</span>
          </div>
        ))}
      </div>
    );
  }
  return (
    <>
      <div
        class={near}
        ref={stages[0]}
        role="group"
        tabIndex={0}
        aria-label={`${names[0]} and ${names[1]}: ${help}`}
        {...handlers}
      >
        <div class="moved" style={{ transform }}>
          {lower}
        </div>
        <div class="moved" style={{ transform }}>
          <div style={{ clipPath: clip, width: `${width}px`, height: `${height}px`, position: "absolute" }}>
            {upper}
          </div>
        </div>
        {mode === "slider" && <div class="edge" style={{ left: `${share}%` }} />}
        <span class="label" style={{ left: "0.4rem" }}>
          {mode === "blink" && !isFirst ? names[1] : names[0]}
        </span>
        {mode === "slider" && (
          <span class="label" style={{ right: "0.4rem" }}>
            {names[1]}
          </span>
        )}
      </div>
      {mode === "slider" && (
        <input
          type="range"
          min="0"
          max="100"
          step="0.1"
          value={share}
          aria-label={`how much of ${names[0]} is shown over ${names[1]}`}
          onInput={({ currentTarget }) => setShare(Number(currentTarget.value))}
        />
      )}
    </>
  );
}
