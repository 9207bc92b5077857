// The search box: the query as it is typed, its words completed, what is wrong with it told, help, and kept searches.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type Ref, useEffect, useRef, useState } from "react";
import { get, messageOf, put, remove } from "../api";
import { complain, say } from "../toasts";
import type { Named, Search } from "../types";
import { type Choice, type Typed, choicesOf, completed, nameChoice, typedAt } from "./completing";
import { isHalfWritten } from "./query";

// docs/gallery.md, "Searching".
const KEYS: [string, string][] = [
  ['fox "in the snow"', "these characters, in prompt, negative prompt or template"],
  ["lora:ink model:dream", "a part of the name; a|b takes either"],
  ["profile:mara story:winter tool:comfyui", "profile, story, program"],
  ["wildcard:colors/warm=crimson", "that value was drawn; without = any"],
  ["score>0.7 rating>=4", "numbers; also width, height"],
  ["date:today date>=2026-11-05", "also yesterday, week, 2026-11"],
  ["favourite:yes reject:no", "also broken, missing"],
  ["run:0199a2 seed:1234", "also format:png, name:00012"],
  ["-lora:ink", "a minus asks for the opposite"],
  ["sort:score", "date, score, rating; sort:-date turns it round"],
];

const MOST = 10; // names that are offered

interface Props {
  ref: Ref<HTMLInputElement>;
  query: string;
  problem: string;
  onQuery: (query: string) => void;
  /** Who has typed goes on with what is found. */
  onLeave: () => void;
}

export function SearchBox({ ref, query, problem, onQuery, onLeave }: Props) {
  const [text, setText] = useState(query);
  const [isOpen, setOpen] = useState(false);
  const timer = useRef(0);
  const given = useRef(query);
  const box = useRef<HTMLDivElement>(null);
  /** Where the caret was when something was typed; null when nothing is to be completed. */
  const [caret, setCaret] = useState<number | null>(null);
  const [active, setActive] = useState(-1);
  const typed = caret === null ? null : typedAt(text, caret);
  const choices = useChoices(typed);
  useEffect(() => {
    // Another query came from elsewhere (a facet, the address): the box shows it; what is being typed stays.
    if (query !== given.current) setText((given.current = query));
  }, [query]);

  function give(value: string, delay: number) {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => onQuery((given.current = value.trim())), delay);
  }

  function complete(on: number | null) {
    setCaret(on);
    setActive(-1);
  }

  function take(choice: Choice) {
    if (!typed || caret === null) return;
    const [next, place] = completed(text, typed, caret, choice);
    setText(next);
    complete(isHalfWritten(next) ? place : null);
    if (!isHalfWritten(next)) give(next, 0);
    const input = box.current?.querySelector("input");
    input?.focus();
    requestAnimationFrame(() => input?.setSelectionRange(place, place));
  }

  return (
    <div
      ref={box}
      className="search"
      role="search"
      onBlur={(event) => {
        if (event.currentTarget.contains(event.relatedTarget)) return;
        setOpen(false);
        complete(null);
      }}
    >
      <input
        ref={ref}
        className="field"
        type="text"
        inputMode="search"
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={choices.length > 0}
        aria-controls="search-choices"
        aria-activedescendant={choices[active] ? `search-choice-${active}` : undefined}
        aria-label="Search"
        placeholder="Search"
        spellCheck={false}
        autoComplete="off"
        maxLength={2000}
        value={text}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? "search-problem" : undefined}
        onChange={(event) => {
          setText(event.target.value);
          complete(event.target.selectionStart);
          if (isHalfWritten(event.target.value)) clearTimeout(timer.current);
          else give(event.target.value, 220);
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step && choices.length) {
            event.preventDefault();
            setActive(Math.max(-1, Math.min(choices.length - 1, active + step)));
            return;
          }
          const chosen = choices[active];
          if (chosen && (event.key === "Enter" || event.key === "Tab")) {
            event.preventDefault();
            take(chosen);
            return;
          }
          if (event.key === "Enter") give(text, 0);
          if (event.key === "Escape") {
            event.preventDefault();
            if (choices.length) return complete(null);
            if (isOpen) return setOpen(false);
          }
          if (event.key === "Enter" || event.key === "Escape") {
            event.currentTarget.blur();
            onLeave();
          }
        }}
      />
      <button className="button quiet icon" aria-label="How to search, and kept searches" aria-expanded={isOpen} title="How to search, and kept searches" onClick={() => setOpen(!isOpen)}>
        ?
      </button>
      {problem && (
        <p id="search-problem" className="problem panel error" role="alert">
          {problem}
        </p>
      )}
      {choices.length > 0 && (
        <ul id="search-choices" className="choices panel" role="listbox" aria-label="To complete it">
          {choices.map((choice, number) => (
            <li
              key={choice.text}
              id={`search-choice-${number}`}
              role="option"
              aria-selected={number === active}
              title={choice.title}
              onPointerDown={(event) => event.preventDefault() /* the box keeps the focus */}
              onClick={() => take(choice)}
            >
              <span>{choice.title}</span>
              <small>{choice.note}</small>
            </li>
          ))}
        </ul>
      )}
      {isOpen && (
        <div className="help-search panel">
          <Kept
            query={text.trim()}
            onTake={(kept) => {
              setText(kept);
              give(kept, 0);
              setOpen(false);
            }}
          />
          <h3>What can be written</h3>
          <dl>
            {KEYS.map(([example, meaning]) => (
              <div key={example}>
                <dt>
                  <code>{example}</code>
                </dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        </div>
      )}
    </div>
  );
}

/** What the page knows, or the names that the server has. Those of the letter before stay until the new ones are there. */
function useChoices(typed: Typed | null): Choice[] {
  const kind = typed?.kind ?? "";
  const part = typed?.part ?? "";
  const { data } = useQuery({
    queryKey: ["names", kind, part],
    queryFn: ({ signal }) => get<{ names: Named[] }>("gallery/names", { kind, part, most: MOST }, signal),
    enabled: kind !== "",
    placeholderData: (before, last) => (last?.queryKey[1] === kind ? before : undefined),
    staleTime: 30_000,
    retry: false,
  });
  if (!typed) return [];
  if (!kind) return choicesOf(typed);
  return (data?.names ?? []).map(({ name, count }) => nameChoice(typed, name, count));
}

function Kept({ query, onTake }: { query: string; onTake: (query: string) => void }) {
  const client = useQueryClient();
  const kept = useQuery({ queryKey: ["searches"], queryFn: ({ signal }) => get<{ searches: Search[] }>("gallery/searches", {}, signal) });
  const again = () => client.invalidateQueries({ queryKey: ["searches"] });
  const [name, setName] = useState("");

  async function keep() {
    try {
      await put(`gallery/searches/${encodeURIComponent(name.trim())}`, { query });
      say(`Kept as “${name.trim()}”.`);
      setName("");
      await again();
    } catch (reason) {
      complain(messageOf(reason));
    }
  }

  return (
    <>
      <h3>Kept searches</h3>
      <ul className="kept">
        {kept.data?.searches.map((search) => (
          <li key={search.name}>
            <button className="button quiet" onClick={() => onTake(search.query)} title={search.query}>
              {search.name}
            </button>
            <button
              className="button quiet icon"
              aria-label={`Forget ${search.name}`}
              onClick={() => remove(`gallery/searches/${encodeURIComponent(search.name)}`).then(again, (reason: unknown) => complain(messageOf(reason)))}
            >
              ✕
            </button>
          </li>
        ))}
        {kept.data?.searches.length === 0 && <li className="dim">None yet.</li>}
      </ul>
      {query && (
        <form
          className="keep"
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim()) void keep();
          }}
        >
          <input className="field" aria-label="Name of the search" placeholder="Keep this search as…" maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
          <button className="button" disabled={!name.trim()}>
            Keep
          </button>
        </form>
      )}
    </>
  );
}
