import { useState } from "preact/hooks";

function Snippet({ title, text }: { title: string; text: string }) {
  const [state, setState] = useState("copy");
  const copy = async () => {
    const copied = await navigator.clipboard.writeText(text).then(
      () => "copied",
      () => "cannot copy here",
    );
    setState(copied);
    setTimeout(() => setState("copy"), 1500);
  };
  return (
    <section aria-label={title}>
      <div class="bar">
        <strong>{title}</strong>
        <button type="button" onClick={copy} aria-label={`copy ${title}`}>
          {state}
        </button>
      </div>
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
    </section>
  );
}

/** The same comparison in a program, on the command line, and as a specification. */
export function Snippets({ specs, output, target }: { specs: readonly string[]; output: string; target: string }) {
  const list = specs.join(", ");
  const program = `import { parseLosses } from "reconloss";
import { readImage } from "reconloss/image";

const [output, target] = [await readImage(${JSON.stringify(output)}), await readImage(${JSON.stringify(target)})];
for (const loss of parseLosses(${JSON.stringify(list)})) {
  console.log(loss.label, await loss.value(output, target));
}`;
  return (
    <details>
      <summary>The same in code</summary>
      <Snippet title="Specification" text={list} />
      <Snippet
        title="Command line"
        text={`npx reconloss compare ${quoted(output)} ${quoted(target)} -m ${quoted(list)}`}
      />
      <Snippet title="TypeScript" text={program} />
    </details>
  );
}

/** A word of a command line for a POSIX shell. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
