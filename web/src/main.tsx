import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useAddress } from "./address.ts";
import { evaluator } from "./evaluator.ts";
import type { LossInfo } from "./messages.ts";
import { Compare } from "./rooms/compare.tsx";
import { Descend } from "./rooms/descend.tsx";
import { Distort } from "./rooms/distort.tsx";
import "./style.css";

const rooms = { compare: "Compare", distort: "Distort and see", descend: "Descend" } as const;

function Page() {
  const { room, visit, settings } = useAddress();
  const [known, setKnown] = useState<{ losses: readonly LossInfo[]; distortions: readonly string[] }>();
  const [error, setError] = useState<string>();
  useEffect(
    () =>
      evaluator.ask({ kind: "describe" }, (answer) => {
        if (answer.kind === "losses") setKnown(answer);
        if (answer.kind === "failed") setError(answer.error);
      }),
    [],
  );
  const current = room in rooms ? (room as keyof typeof rooms) : "compare";
  return (
    <div class="page">
      <header>
        <h1>reconloss playground</h1>
        <nav aria-label="Rooms">
          {Object.entries(rooms).map(([name, title]) => (
            <a key={name} href={`#${name}`} aria-current={current === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <span class="quiet">Everything is computed in this browser; no image leaves it.</span>
      </header>
      <main>
        {error !== undefined ? (
          <p class="wrong" role="alert">
            {error}
          </p>
        ) : known === undefined ? (
          <p>Loading the losses</p>
        ) : current === "compare" ? (
          <Compare key={visit} losses={known.losses} settings={settings} onLosses={setKnown} />
        ) : current === "distort" ? (
          <Distort key={visit} {...known} settings={settings} />
        ) : (
          <Descend key={visit} settings={settings} />
        )}
      </main>
    </div>
  );
}

// A file that is dropped beside the places for images would replace the page.
for (const type of ["dragover", "drop"] as const) addEventListener(type, (event) => event.preventDefault());

render(<Page />, document.getElementById("app") as HTMLElement);

if (import.meta.env.PROD && "serviceWorker" in navigator) {
  // Without it the page works, but not offline.
  navigator.serviceWorker.register("./offline.js").catch(() => {});
}
