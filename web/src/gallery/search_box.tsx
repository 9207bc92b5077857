// The search box: the query as it is typed, what is wrong with it in words, help on what can be written, kept searches.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type Ref, useEffect, useRef, useState } from "react";
import { get, messageOf, put, remove } from "../api";
import { complain, say } from "../toasts";
import type { Search } from "../types";
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
  useEffect(() => {
    // Another query came from elsewhere (a facet, the address): the box shows it; what is being typed stays.
    if (query !== given.current) setText((given.current = query));
  }, [query]);

  function give(value: string, delay: number) {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => onQuery((given.current = value.trim())), delay);
  }

  return (
    <div className="search" role="search" onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && setOpen(false)}>
      <input
        ref={ref}
        className="field"
        type="search"
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
          if (isHalfWritten(event.target.value)) clearTimeout(timer.current);
          else give(event.target.value, 220);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") give(text, 0);
          if (event.key === "Escape") {
            event.preventDefault(); // browsers would empty the box, and with it the search
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
