import type { LossInfo, OptionInfo, ReadSpec } from "../messages.ts";

type Value = number | string | boolean;

/** A specification of these options, those at their defaults left out; presets are left to the grammar. */
export function specOf(name: string, info: LossInfo, options: Readonly<Record<string, Value>>): string {
  const differing = info.options.filter(
    ({ name, default: fallback }) => options[name] !== undefined && options[name] !== fallback,
  );
  const settings = differing.map(({ name }) => `${name}=${options[name]}`);
  return settings.length === 0 ? name : `${name}(${settings.join(",")})`;
}

function Control({ option, value, onChange }: { option: OptionInfo; value: Value; onChange: (value: Value) => void }) {
  const id = `option-${option.name}`;
  // Words alone are a choice; words beside numbers are typed.
  const isChoice = option.words !== undefined && !/number/.test(option.accepts);
  return (
    <div class="option">
      <label for={id}>{option.name}</label>
      {isChoice ? (
        <select id={id} value={String(value)} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
          {option.words?.map((word) => (
            <option key={word} value={word}>
              {word}
            </option>
          ))}
        </select>
      ) : (
        <input id={id} value={String(value)} onChange={({ currentTarget }) => onChange(currentTarget.value)} />
      )}
      <span class="help">
        {option.help} ({option.accepts}; default {String(option.default)})
      </span>
    </div>
  );
}

/** Every option of a loss as a control; a change makes another specification. */
export function Options({ info, read, onSpec }: { info: LossInfo; read: ReadSpec; onSpec: (spec: string) => void }) {
  const values = read.options ?? {};
  // Of a preset, what it stands for is not to be said again.
  const preset = info.presets[String(values.preset)] ?? {};
  const given = Object.fromEntries(Object.entries(values).filter(([name, value]) => preset[name] !== value));
  return (
    <fieldset>
      <legend>{info.name}</legend>
      <p>
        {info.summary}; {info.better === "target" ? "closer to the target's" : info.better} is better.{" "}
        <span class="quiet">{info.source}</span>
      </p>
      {info.options.map((option) => (
        <Control
          key={option.name}
          option={option}
          value={values[option.name] ?? option.default}
          onChange={(value) =>
            onSpec(
              specOf(
                info.name,
                info,
                // Another preset brings its own values.
                option.name === "preset" ? { preset: value } : { ...given, [option.name]: value },
              ),
            )
          }
        />
      ))}
    </fieldset>
  );
}
