import { useState } from "preact/hooks";
import { evaluator } from "../evaluator.ts";
import type { Answer, LossInfo } from "../messages.ts";

/** The choice of weights files for losses that need some. */
export function Weights({
  losses,
  onLosses,
}: {
  losses: readonly LossInfo[];
  onLosses: (answer: Extract<Answer, { kind: "losses" }>) => void;
}) {
  const [state, setState] = useState<string>();
  const forms = losses.flatMap(({ weighted }) => weighted);
  const take = (files: readonly File[]) => {
    if (files.length === 0) return;
    setState("reading");
    evaluator.ask({ kind: "weights", files }, (answer) => {
      if (answer.kind === "losses") onLosses(answer);
      if (answer.kind === "done") setState(undefined);
      if (answer.kind === "failed") setState(answer.error);
    });
  };
  return (
    <details
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        take(Array.from(event.dataTransfer?.files ?? []));
      }}
    >
      <summary>Weights of published networks</summary>
      <p>
        Choose the files of a row, as they were published, or all of a folder that{" "}
        <code>npx reconloss weights pack</code> wrote. They are known by their SHA-256 and stay in this browser.
      </p>
      <label class="drop">
        <span class="button">choose weights files</span>
        <input
          class="hidden"
          type="file"
          multiple
          onChange={({ currentTarget }) => take(Array.from(currentTarget.files ?? []))}
        />
      </label>
      <p role="status">{state}</p>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">loss</th>
              <th scope="col">files</th>
            </tr>
          </thead>
          <tbody>
            {forms.map(({ spec, needs }) => (
              <tr key={spec}>
                <th scope="row">{spec}</th>
                <td>
                  {needs.map(({ file, url, isHere }, index) => (
                    <span key={file}>
                      {index > 0 && ", "}
                      <a href={url} rel="noreferrer">
                        {file}
                      </a>
                      {isHere && " (here)"}
                    </span>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
