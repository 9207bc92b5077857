// What is known of an image, and what can be done with it. All that comes from metadata is text, never HTML.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { get, messageOf } from "../api";
import { host } from "../place";
import { useTargets } from "../targets";
import { complain } from "../toasts";
import type { Card, Slot, Taught, Whole, Word } from "../types";
import { again, copy, toWorkflow } from "./actions";
import { SIGNS, changeOf } from "./lessons";
import { term } from "./query";
import { file } from "./thumbnails";

const DO = (work: Promise<unknown>) => void work.catch((reason: unknown) => complain(messageOf(reason)));

function useOf<T>(card: Card, what: string, isWanted = true) {
  return useQuery({
    queryKey: ["image", card.id, what, what === "taught" ? card.revision : 0],
    queryFn: ({ signal }) => get<T>(`gallery/images/${card.id}${what && "/" + what}`, {}, signal),
    enabled: isWanted,
    retry: false,
  });
}

export function Info({ card, onSearch }: { card: Card; onSearch: (query: string) => void }) {
  const whole = useOf<Whole>(card, "").data;
  const [wantsTaught, setWantsTaught] = useState(false);
  return (
    <aside className="info" aria-label="About this image">
      <Actions card={card} hasSlots={card.run_id !== "" || !!whole?.template} />
      <Prompt card={card} prompt={whole?.prompt ?? card.prompt} template={whole?.template ?? ""} />
      {whole?.negative && (
        <Part title="Negative prompt" text={whole.negative}>
          <p className="prose dim">{whole.negative}</p>
        </Part>
      )}
      {whole?.template && whole.template !== whole.prompt && (
        <Part title="Template" text={whole.template}>
          <p className="prose mono">{whole.template}</p>
        </Part>
      )}
      {whole && whole.loras.length > 0 && (
        <Part title="LoRAs">
          <ul className="plain">
            {whole.loras.map(({ name, strength }) => (
              <li key={name}>
                <button className="link" onClick={() => onSearch(term("lora", name))}>
                  {name}
                </button>
                {strength !== null && <span className="dim"> {round(strength)}</span>}
              </li>
            ))}
          </ul>
        </Part>
      )}
      {card.run_id && (
        <details className="part" onToggle={(event) => setWantsTaught(event.currentTarget.open)}>
          <summary>What did this teach</summary>
          {wantsTaught && <Lessons card={card} />}
        </details>
      )}
      <Facts card={card} whole={whole} onSearch={onSearch} />
    </aside>
  );
}

function Copy({ text }: { text: string }) {
  return (
    <button className="link" onClick={() => DO(copy(text))}>
      Copy
    </button>
  );
}

/** `text`: what can be copied of it. */
function Part({ title, text = "", children }: { title: string; text?: string; children: ReactNode }) {
  return (
    <section className="part">
      <h3>
        {title}
        {text && <Copy text={text} />}
      </h3>
      {children}
    </section>
  );
}

const ORIGINS: Record<string, string> = {
  wildcard: "a wildcard",
  variable: "an option",
  option: "an option",
  llm: "the language model",
  profile: "the profile",
  lora: "a LoRA's trigger words",
  trigger_words: "a LoRA's trigger words",
  memory: "memory",
  user: "you",
};

function Prompt({ card, prompt, template }: { card: Card; prompt: string; template: string }) {
  const words = useOf<{ words: Word[] }>(card, "words", card.run_id !== "" || template !== "").data?.words ?? [];
  const [shown, setShown] = useState<Word | null>(null);
  const present = [...new Set(words.filter((word) => isTold(word)).map((word) => word.origin))];
  return (
    <section className="part">
      <h3>
        Prompt
        {prompt && <Copy text={prompt} />}
      </h3>
      <p className="prose" dir="auto">
        {words.length === 0
          ? prompt || <span className="dim">None is known.</span>
          : words.map((word, at) =>
              isTold(word) ? (
                <span key={at} className="word" tabIndex={0} role="note" data-origin={word.origin} onPointerEnter={() => setShown(word)} onFocus={() => setShown(word)} aria-label={`${word.text.trim()}: ${tellOf(word)}`}>
                  {word.text}
                </span>
              ) : (
                word.text
              ),
            )}
      </p>
      {present.length > 0 && (
        <p className="legend dim">
          {shown ? (
            <span data-origin={shown.origin}>
              <b>{shown.text.trim()}</b> {tellOf(shown)}
            </span>
          ) : (
            present.map((origin) => (
              <span key={origin} data-origin={origin} className="origin">
                {ORIGINS[origin] ?? origin}
              </span>
            ))
          )}
        </p>
      )}
    </section>
  );
}

const isTold = (word: Word): boolean => word.text.trim() !== "" && word.origin !== "literal" && word.origin !== "template";

function tellOf(word: Word): string {
  const from = word.wildcard ? `from ${word.wildcard}` : `from ${ORIGINS[word.origin] ?? word.origin}`;
  const said = [word.label || from];
  if (word.score !== null) said.push(`score ${Math.round(word.score * 100)}`);
  if (word.times !== null && Math.abs(word.times - 1) > 0.005) said.push(`${round(word.times)} times as likely as written`);
  return said.join(", ");
}

function Actions({ card, hasSlots }: { card: Card; hasSlots: boolean }) {
  const targets = useTargets();
  const slots = useOf<{ slots: Slot[] }>(card, "slots", hasSlots).data?.slots ?? [];
  return (
    <div className="actions">
      <button className="button" onClick={() => DO(again(card.id, { seed: "new" }))} title="The same prompt and settings, a new seed">
        Run again
      </button>
      <button className="button" onClick={() => DO(again(card.id, { seed: "same" }))} title="The same seed too">
        Same seed
      </button>
      {slots.length > 0 && (
        <Choose title="Vary…" label="Vary one slot, all else fixed" options={[...slots.map(({ slot, value }): [string, string] => [slot, `${slot}: ${value}`]), ["*", "All of it: drawn anew"]]} onChoose={(vary) => DO(again(card.id, { vary, count: 4 }))} />
      )}
      {targets.length > 0 && (
        <Choose title="Send to…" label="Render it there" options={targets.map(({ name, title, away }) => [name, title, away])} onChoose={(target) => DO(again(card.id, { target }))} />
      )}
      <button className="button" onClick={() => DO(toWorkflow(card))}>
        {host === "comfyui" ? "Open as workflow" : "Workflow"}
      </button>
      <a className="button" href={file(card)} download={card.name}>
        Download
      </a>
    </div>
  );
}

/** A button that offers a few: the browser's own list, which works with keys and on phones. */
function Choose({ title, label, options, onChoose }: { title: string; label: string; options: [value: string, text: string, whyNot?: string][]; onChoose: (value: string) => void }) {
  return (
    <select className="button" aria-label={label} title={label} value="" onChange={(event) => event.target.value && onChoose(event.target.value)}>
      <option value="">{title}</option>
      {options.map(([value, text, whyNot]) => (
        <option key={value} value={value} disabled={!!whyNot} title={whyNot}>
          {whyNot ? `${text.slice(0, 40)}, away: ${whyNot.slice(0, 80)}` : text.slice(0, 80)}
        </option>
      ))}
    </select>
  );
}

function Lessons({ card }: { card: Card }) {
  const { data, error, isLoading } = useOf<Taught>(card, "taught");
  if (isLoading) return <p className="dim">…</p>;
  if (error) return <p className="dim">{messageOf(error)}</p>;
  if (!data?.values.length) return <p className="dim">Nothing yet. Mark it, and the odds of its values move.</p>;
  const of = sameOf(data.values.map(({ profile }) => profile));
  const why = sameOf(data.values.map(({ why }) => why));
  return (
    <ul className="plain lessons">
      {!data.is_learning && <li className="dim">Learning is off; this is what it would do.</li>}
      {data.notice && (
        <li className="told" role="note">
          {data.notice}
        </li>
      )}
      {of && <li className="dim">In prompts with {of}:</li>}
      {data.values.map((value) => (
        <Lesson key={`${value.slot} ${value.value} ${value.profile}`} {...value} profile={of ? "" : value.profile} why={why ? "" : value.why} />
      ))}
      {why && <li className="dim">Why: {why}.</li>}
    </ul>
  );
}

const SAID = { more: "more often", less: "less often", same: "as often as before" };

/** What all of them say; "" where they differ. */
const sameOf = (texts: string[]): string => (texts.every((text) => text === texts[0]) ? texts[0]! : "");

function Lesson({ slot, value, profile, before, after, why }: Taught["values"][number]) {
  const change = changeOf(before, after);
  return (
    <li>
      <span>
        {value} <span className="dim">{[slot, profile, why].filter(Boolean).join(", ")}</span>
      </span>
      <span className={change.way} title={SAID[change.way]}>
        <span role="img" aria-label={SAID[change.way]}>
          {SIGNS[change.way]}
        </span>{" "}
        {change.before} → {change.after}
      </span>
      <span className="odds" aria-hidden="true">
        <i style={{ width: `${before * 100}%` }} />
        <b style={{ width: `${after * 100}%` }} />
      </span>
    </li>
  );
}

function Facts({ card, whole, onSearch }: { card: Card; whole: Whole | undefined; onSearch: (query: string) => void }) {
  const link = (key: string, value: string) =>
    value && (
      <button className="link" onClick={() => onSearch(term(key, value))}>
        {value}
      </button>
    );
  const facts: [string, ReactNode][] = [
    ["Score", card.score === null ? "" : `${Math.round(card.score * 100)} of 100`],
    ["Model", link("model", card.model)],
    ["Seed", link("seed", card.seed)],
    ["Size", card.width ? `${card.width} × ${card.height} ${card.format}` : card.format],
    ["Made", card.made_ms ? new Date(card.made_ms).toLocaleString() : ""],
    ["Program", link("tool", card.tool)],
    ["Profile", namesOf(card.profiles).map((name) => <span key={name}>{link("profile", name)} </span>)],
    ["Story", link("story", card.story)],
    ...Object.entries(whole?.settings ?? {}).map(([name, value]): [string, ReactNode] => [nameOf(name), textOf(value)]),
    ["File", whole?.path ?? card.name],
  ];
  return (
    <Part title="Facts">
      <dl className="facts">
        {facts.map(([name, value]) =>
          value === "" || value === null || (Array.isArray(value) && !value.length) ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
    </Part>
  );
}

const namesOf = (text: string): string[] => text.split(",").map((name) => name.trim()).filter(Boolean);
const nameOf = (field: string): string => field.charAt(0).toUpperCase() + field.slice(1).replaceAll("_", " ");
const textOf = (value: unknown): string => (value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
const round = (number: number): string => String(Math.round(number * 100) / 100);
