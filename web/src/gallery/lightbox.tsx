// One image after the other, large, with what is known of it beside it.

import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { remember, remembered } from "../remembered";
import { Stars } from "./bulk_bar";
import { cards, useCard } from "./cards";
import { Dialog } from "./dialog";
import { Info } from "./info";
import { useKeys } from "./keys";
import type { Sequence } from "./listing";
import { mark, markKey, toggle } from "./marks";
import { Pane } from "./pane";
import { file } from "./thumbnails";
import { Zoom } from "./zoom";

interface Props {
  sequence: Sequence;
  index: number;
  onIndex: (index: number) => void;
  onClose: () => void;
  onCompare?: (ids: number[]) => void;
  onSearch: (query: string) => void;
}

export function Lightbox({ sequence, index, onIndex, onClose, onCompare, onSearch }: Props) {
  useSyncExternalStore(sequence.subscribe, sequence.version);
  const [isInfo, setInfo] = useState(() => remembered("info", innerWidth > 900));
  const id = sequence.idAt(index);
  const card = useCard(id);
  const zoom = useMemo(() => new Zoom(), []);
  useEffect(() => zoom.set(1, 0, 0), [zoom, id]);

  // What comes next is loaded before it is asked for.
  useEffect(() => {
    sequence.need(index - 3, index + 3);
    const timer = setTimeout(() => {
      for (const near of [index + 1, index - 1]) {
        const next = cards.get(sequence.idAt(near) ?? -1);
        if (next && !next.broken && !next.missing) new Image().src = file(next);
      }
    }, 150);
    return () => clearTimeout(timer);
  }, [sequence, index, id]);

  const step = (by: number) => {
    const next = index + by;
    if (next >= 0 && next < sequence.length) onIndex(next);
  };
  const showInfo = (on: boolean) => {
    setInfo(on);
    remember("info", on);
  };
  const ids = id === undefined ? [] : [id];
  useKeys((key, event) => {
    if (key === "Escape" || key === "Enter" || key === " " || key === "q") onClose();
    else if (key === "ArrowRight" || key === "l" || key === "j" || key === "ArrowDown") step(1);
    else if (key === "ArrowLeft" || key === "h" || key === "k" || key === "ArrowUp") step(-1);
    else if (key === "Home") onIndex(0);
    else if (key === "End") onIndex(sequence.length - 1);
    else if (key === "i") showInfo(!isInfo);
    else if (key === "+" || key === "=") zoom.by(1.4);
    else if (key === "-") zoom.by(1 / 1.4);
    else if (key === "z" && !event.ctrlKey && !event.metaKey) zoom.toggle();
    else if (key === "c" && onCompare && id !== undefined) {
      const other = sequence.idAt(index + 1) ?? sequence.idAt(index - 1);
      if (other !== undefined) onCompare([id, other]);
    } else return markKey(key, event, ids, () => step(1));
    return true;
  });

  return (
    <Dialog label={card ? `Image ${index + 1} of ${sequence.length}` : "Image"} className="lightbox" onClose={onClose}>
      <header className="lightbar">
        <button className="button quiet icon" onClick={onClose} aria-label="Close (Esc)" title="Close (Esc)">
          ✕
        </button>
        <span className="where">
          <b>{card?.name ?? "…"}</b>
          <span className="dim">
            {(index + 1).toLocaleString()} of {sequence.length.toLocaleString()}
          </span>
        </span>
        {card && (
          <>
            <span className="marking">
              <Stars rating={card.rating} onRate={(rating) => mark(ids, { rating })} />
              <button className="button quiet icon heart" aria-pressed={card.favourite} aria-label="Favourite (F)" title="Favourite (F)" onClick={() => toggle(ids, "favourite")}>
                {card.favourite ? "♥" : "♡"}
              </button>
              <button className="button quiet icon cross" aria-pressed={card.reject} aria-label="Reject (X)" title="Reject (X)" onClick={() => toggle(ids, "reject")}>
                ⊘
              </button>
            </span>
            <button className="button quiet" aria-pressed={isInfo} onClick={() => showInfo(!isInfo)} title="What is known of it (I)">
              Info
            </button>
          </>
        )}
      </header>
      <div className="stage">
        <div className="seen">
          {card && <Pane card={card} zoom={zoom} onSwipe={(direction) => (direction === "down" ? onClose() : step(direction === "left" ? 1 : -1))} />}
          <button className="turn left" disabled={index === 0} onClick={() => step(-1)} aria-label="The one before">
            ‹
          </button>
          <button className="turn right" disabled={index >= sequence.length - 1} onClick={() => step(1)} aria-label="The next one">
            ›
          </button>
        </div>
        {card && isInfo && <Info card={card} onSearch={onSearch} />}
      </div>
    </Dialog>
  );
}
