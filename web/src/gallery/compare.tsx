// Two to four images side by side: zoomed together, the differences of their prompts coloured, marked with the same keys.

import { useMemo, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { get } from "../api";
import type { Card, Whole } from "../types";
import { Stars } from "./bulk_bar";
import { useCard } from "./cards";
import { Dialog } from "./dialog";
import { differenceOf } from "./diff";
import { useKeys } from "./keys";
import { mark, markKey, toggle } from "./marks";
import { Pane } from "./pane";
import { Zoom } from "./zoom";

export function Compare({ ids, onClose }: { ids: number[]; onClose: () => void }) {
  const zoom = useMemo(() => new Zoom(), []);
  const [active, setActive] = useState(0);
  useKeys((key, event) => {
    if (key === "Escape" || key === "c" || key === "Enter") onClose();
    else if (key === "ArrowRight" || key === "l") setActive((active + 1) % ids.length);
    else if (key === "ArrowLeft" || key === "h") setActive((active + ids.length - 1) % ids.length);
    else if (key === "+" || key === "=") zoom.by(1.4);
    else if (key === "-") zoom.by(1 / 1.4);
    else if (key === "z" && !event.ctrlKey && !event.metaKey) zoom.toggle();
    else return markKey(key, event, [ids[active]!]);
    return true;
  });
  return (
    <Dialog label={`Compare ${ids.length} images`} className="compare" onClose={onClose}>
      <header className="lightbar">
        <button className="button quiet icon" onClick={onClose} aria-label="Close (Esc)" title="Close (Esc)">
          ✕
        </button>
        <span className="where">
          <b>Compare</b>
          <span className="dim">← → choose a side, then mark it; wheel and drag zoom all</span>
        </span>
      </header>
      <div className="sides" data-count={ids.length}>
        {ids.map((id, at) => (
          <Side key={id} id={id} zoom={zoom} first={at === 0 ? null : ids[0]!} isActive={at === active} onActive={() => setActive(at)} />
        ))}
      </div>
    </Dialog>
  );
}

interface SideProps {
  id: number;
  zoom: Zoom;
  /** The one that it is compared with. */
  first: number | null;
  isActive: boolean;
  onActive: () => void;
}

function useWhole(id: number | null): Whole | undefined {
  const queryFn = ({ signal }: { signal: AbortSignal }) => get<Whole>(`gallery/images/${id}`, {}, signal);
  return useQuery({ queryKey: ["image", id, "", 0], queryFn, enabled: id !== null }).data;
}

function Side({ id, zoom, first: firstId, isActive, onActive }: SideProps) {
  const whole = useWhole(id);
  const first = useWhole(firstId);
  const known = useCard(id);
  const card: Card | undefined = known ?? whole;
  const pieces = useMemo(() => (first && whole ? differenceOf(first.prompt, whole.prompt) : null), [first, whole]);
  if (!card) return <section className="side" />;
  return (
    <section className="side" aria-label={card.name} data-active={isActive || undefined} onPointerDown={onActive}>
      <Pane card={card} zoom={zoom} />
      <div className="told">
        <span className="marking">
          <Stars rating={card.rating} onRate={(rating) => mark([id], { rating })} />
          <button className="button quiet icon heart" aria-pressed={card.favourite} aria-label="Favourite (F)" onClick={() => toggle([id], "favourite")}>
            {card.favourite ? "♥" : "♡"}
          </button>
          <button className="button quiet icon cross" aria-pressed={card.reject} aria-label="Reject (X)" onClick={() => toggle([id], "reject")}>
            ⊘
          </button>
          {card.score !== null && <span className="dim">score {Math.round(card.score * 100)}</span>}
        </span>
        <p className="prose" tabIndex={0} aria-label="Prompt">
          {pieces
            ? pieces.map(({ text, kind }, at) => (kind === "same" ? text : kind === "del" ? <del key={at}>{text}</del> : <ins key={at}>{text}</ins>))
            : (whole?.prompt ?? card.prompt)}
        </p>
        {first && whole && <Settings before={first} after={whole} />}
      </div>
    </section>
  );
}

function Settings({ before, after }: { before: Whole; after: Whole }) {
  const all = (one: Whole): Record<string, unknown> => ({
    model: one.model,
    seed: one.seed,
    size: `${one.width} × ${one.height}`,
    loras: one.loras.map(({ name, strength }) => `${name} ${strength ?? ""}`).join(", "),
    ...one.settings,
  });
  const [a, b] = [all(before), all(after)];
  const changed = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => String(a[name] ?? "") !== String(b[name] ?? ""));
  if (!changed.length) return null;
  return (
    <p className="changed dim">
      {changed.slice(0, 8).map((name) => (
        <span key={name}>
          {name} <del>{String(a[name] ?? "–")}</del> <ins>{String(b[name] ?? "–")}</ins>
        </span>
      ))}
    </p>
  );
}
