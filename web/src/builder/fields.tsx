// One option as a form has it: made from its JSON Schema, with what is wrong beside it.

import { useEffect, useId, useRef, useState } from "react";
import { Icon } from "./icons";
import { equal } from "./pipeline";
import { type Field, kept, written } from "./schema";

interface Props {
  field: Field;
  /** `undefined`: it is left out, and as usual. */
  value: unknown;
  onValue: (value: unknown) => void;
  /** What the server says of it. */
  problem?: string;
  /** Tells what is typed and is no value; "" when it is one. */
  onTyped?: (problem: string) => void;
}

export function FieldRow({ field, value, onValue, problem = "", onTyped }: Props) {
  const id = useId();
  const [text, setText] = useState(() => written(field, value));
  const [typed, setTyped] = useState("");
  const last = useRef(value);
  if (!equal(last.current, value)) {
    // it was changed elsewhere: by undo, or another pipeline
    last.current = value;
    setText(written(field, value));
    setTyped("");
  }
  const tell = useRef(onTyped);
  tell.current = onTyped;
  useEffect(() => tell.current?.(typed), [typed]);
  useEffect(() => () => tell.current?.(""), []);

  const type = (now: string) => {
    setText(now);
    const found = kept(field, now);
    setTyped(found.problem ?? "");
    if (!("value" in found) || equal(found.value, last.current)) return;
    last.current = found.value;
    onValue(found.value);
  };
  const told = typed || problem;
  const about = { id, "aria-invalid": told ? true : undefined, "aria-describedby": `${id}-help${told ? ` ${id}-bad` : ""}` };
  const isSet = value !== undefined && !equal(value, field.usual);
  return (
    <div className={`b-field ${field.kind}${told ? " wrong" : ""}`}>
      <div className="b-label">
        <label htmlFor={id} title={field.help}>
          {field.title}
        </label>
        {isSet && (
          <button type="button" className="b-reset" onClick={() => onValue(undefined)} title={`As usual: ${usualText(field)}`} aria-label={`${field.title} as usual`}>
            <Icon name="undo" size={12} />
          </button>
        )}
      </div>
      <Control field={field} value={value} text={text} type={type} about={about} />
      <span id={`${id}-help`} className="unseen">
        {field.help}
      </span>
      {told && (
        <p id={`${id}-bad`} className="b-bad" role="alert">
          {told}
        </p>
      )}
    </div>
  );
}

interface ControlProps {
  field: Field;
  value: unknown;
  text: string;
  type: (text: string) => void;
  about: { id: string };
}

function Control({ field, value, text, type, about }: ControlProps) {
  const usual = usualText(field);
  switch (field.kind) {
    case "flag": {
      const now = value === undefined ? field.usual === true : value === true;
      return <input type="checkbox" className="b-switch" role="switch" checked={now} onChange={(event) => type(String(event.target.checked))} {...about} />;
    }
    case "choice":
      return (
        <select className="field" value={String(value === undefined || value === null ? (field.usual ?? "") : value)} onChange={(event) => type(event.target.value)} {...about}>
          {field.choices.map((choice) => (
            <option key={String(choice)} value={String(choice)}>
              {String(choice)}
            </option>
          ))}
          {value !== undefined && !field.choices.includes(value) && <option value={String(value)}>{String(value)}</option>}
        </select>
      );
    case "text":
    case "list":
    case "json":
      return <Area value={text} onChange={type} placeholder={usual} isCode={field.kind === "json"} about={about} />;
    case "integer":
    case "number":
      return (
        <input
          className="field number"
          inputMode={field.kind === "integer" ? "numeric" : "decimal"}
          autoComplete="off"
          value={text}
          placeholder={usual}
          onChange={(event) => type(event.target.value)}
          onKeyDown={(event) => stepped(event, field, text || usual, type)}
          {...about}
        />
      );
    default:
      return (
        <>
          <input className="field" autoComplete="off" value={text} placeholder={usual} onChange={(event) => type(event.target.value)} list={field.choices.length ? `${about.id}-choices` : undefined} {...about} />
          {field.choices.length > 0 && (
            <datalist id={`${about.id}-choices`}>
              {field.choices.map((choice) => (
                <option key={String(choice)} value={String(choice)} />
              ))}
            </datalist>
          )}
        </>
      );
  }
}

/** As high as what is in it, up to a bound. */
function Area({ value, onChange, placeholder, isCode, about }: { value: string; onChange: (text: string) => void; placeholder: string; isCode: boolean; about: object }) {
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const element = area.current!;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight + 2, 260)}px`;
  }, [value]);
  return (
    <textarea
      ref={area}
      className={isCode ? "field code" : "field"}
      rows={isCode ? 3 : 2}
      spellCheck={false}
      value={value}
      placeholder={placeholder}
      onChange={(event) => onChange(event.target.value)}
      {...about}
    />
  );
}

function usualText(field: Field): string {
  const { usual } = field;
  if (usual === undefined || usual === "" || equal(usual, {})) return "";
  if (usual === null) return "unset";
  return typeof usual === "object" ? JSON.stringify(usual) : String(usual);
}

/** Up and down change a number, with Shift ten times as much. */
function stepped(event: React.KeyboardEvent, field: Field, text: string, type: (text: string) => void): void {
  const way = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
  if (!way) return;
  event.preventDefault();
  const { minimum = -Infinity, maximum = Infinity } = field.schema;
  const isSmall = field.kind === "number" && maximum <= 5;
  const size = (field.kind === "integer" ? (/width|height/.test(field.name) ? 8 : 1) : isSmall ? 0.05 : 0.5) * (event.shiftKey ? 10 : 1);
  const now = Number(text) || 0;
  type(String(Number(Math.min(maximum, Math.max(minimum, now + way * size)).toFixed(4))));
}
