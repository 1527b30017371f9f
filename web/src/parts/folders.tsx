import { useEffect, useMemo, useState } from "preact/hooks";
import { badness, formatNumber } from "../../../packages/reconloss/src/compare/numbers.ts";
import { statisticsOf } from "../../../packages/reconloss/src/compare/statistics.ts";
import { pairNames } from "../../../packages/reconloss/src/image/pair-names.ts";
import { evaluator } from "../evaluator.ts";
import type { Folder } from "../folder.ts";
import type { FilePair, Measured } from "../messages.ts";

type Result = Measured | { error: string };

/** The badness of a result, larger being worse. */
const badnessOf = ({ better, value, targetValue }: Measured) => badness(better, value, targetValue);

/** The pairs of two folders, by their names as the command line pairs them. */
function pairsOf(output: Folder, target: Folder) {
  const names = { output: [...output.files.keys()], target: [...target.files.keys()] };
  const { pairs, unpaired } = pairNames(names);
  const order = new Intl.Collator("en", { numeric: true });
  const files: readonly FilePair[] = pairs
    .map((pair) => ({
      name: pair.output,
      output: output.files.get(pair.output) as File,
      target: target.files.get(pair.target) as File,
    }))
    .sort((a, b) => order.compare(a.name, b.name));
  return { files, unpaired };
}

/** Every pair of two folders by every loss, with their means and the worst; a pair is opened by its name. */
export function Folders({
  output,
  target,
  specs,
  opened,
  onOpen,
}: {
  output: Folder;
  target: Folder;
  specs: readonly string[];
  opened?: string;
  onOpen: (pair: FilePair) => void;
}) {
  const { files, unpaired } = useMemo(() => pairsOf(output, target), [output, target]);
  const [results, setResults] = useState<readonly Readonly<Record<string, Result>>[]>([]);
  useEffect(() => {
    setResults(files.map(() => ({})));
    return evaluator.ask({ kind: "folders", pairs: files, specs }, (answer) => {
      if (answer.kind !== "pair") return;
      const { pair, spec, result } = answer;
      setResults((before) => before.map((each, index) => (index === pair ? { ...each, [spec]: result } : each)));
    });
  }, [files, specs]);

  const columns = specs.map((spec) => {
    const values = results.flatMap((of, pair) => {
      const result = of[spec];
      return result !== undefined && "value" in result ? [{ pair, result }] : [];
    });
    if (values.length === 0) return { spec };
    const worst = values.reduce((a, b) => (badnessOf(b.result) > badnessOf(a.result) ? b : a));
    // As the command line has it: the mean of the finite values, which says of how many where others are not.
    const { n = 0, mean } = statisticsOf(values.map(({ result }) => result.value)) ?? {};
    const asked = results.filter((of) => spec in of).length;
    return { spec, mean: `${formatNumber(mean, worst.result.decimals)}${n < asked ? ` of ${n}` : ""}`, worst };
  });
  const count = results.filter((each) => specs.every((spec) => spec in each)).length;
  return (
    <section aria-label="Pairs of the folders">
      <p>
        {files.length} pairs of {output.name} and {target.name}
        {count < files.length && `, ${count} measured`}
        {unpaired.length > 0 && `; without a partner: ${unpaired.length}, first ${unpaired[0].name}`}
      </p>
      <div class="scroll pairs" tabIndex={0} role="group" aria-label="table of the pairs">
        <table>
          <thead>
            <tr>
              <th scope="col">pair</th>
              {specs.map((spec) => (
                <th key={spec} scope="col">
                  {spec}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr class="chosen">
              <th scope="row">mean</th>
              {columns.map(({ spec, mean = "…" }) => (
                <td key={spec} class="number">
                  {mean}
                </td>
              ))}
            </tr>
            <tr class="chosen">
              <th scope="row">worst</th>
              {columns.map(({ spec, worst }) => (
                <td key={spec} class="number">
                  {worst && (
                    <>
                      {formatNumber(worst.result.value, worst.result.decimals)}{" "}
                      <button type="button" class="plain" onClick={() => onOpen(files[worst.pair])}>
                        {files[worst.pair].name}
                      </button>
                    </>
                  )}
                </td>
              ))}
            </tr>
            {files.map((pair, index) => (
              <tr key={pair.name} class={pair.name === opened ? "chosen" : undefined}>
                <th scope="row">
                  <button type="button" class="plain" onClick={() => onOpen(pair)}>
                    {pair.name}
                  </button>
                </th>
                {specs.map((spec) => {
                  const result = results[index]?.[spec];
                  return (
                    <td key={spec} class={result && "error" in result ? "wrong" : "number"}>
                      {result === undefined
                        ? "…"
                        : "error" in result
                          ? result.error
                          : formatNumber(result.value, result.decimals)}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
