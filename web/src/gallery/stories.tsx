// Stories as film strips; and the lightbox over what is no grid.

import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { get, messageOf } from "../api";
import { go, hrefOf } from "../route";
import type { Card, Story } from "../types";
import { Cell } from "./cell";
import { cards } from "./cards";
import { Fixed } from "./listing";
import { Lightbox } from "./lightbox";
import { term } from "./query";

/** The lightbox over a few cards of a page that is no grid. */
export function useLightbox(): [(cards: Card[], at: number) => void, React.ReactNode] {
  const [shown, setShown] = useState<{ sequence: Fixed; index: number } | null>(null);
  const open = (all: Card[], index: number) => {
    cards.put(all);
    setShown({ sequence: new Fixed(all.map(({ id }) => id)), index });
  };
  const box = shown && (
    <Lightbox
      sequence={shown.sequence}
      index={shown.index}
      onIndex={(index) => setShown({ ...shown, index })}
      onClose={() => setShown(null)}
      onSearch={(query) => {
        go(hrefOf("", [], { q: query }), true);
        setShown(null);
      }}
    />
  );
  return [open, box];
}

export function StoriesView() {
  const { data, error } = useQuery({ queryKey: ["stories"], queryFn: ({ signal }) => get<{ stories: Story[] }>("gallery/stories", {}, signal), staleTime: 0 });
  const [open, lightbox] = useLightbox();
  return (
    <div className="page wide">
      <h1>Stories</h1>
      {error && <p className="error">{messageOf(error)}</p>}
      {data?.stories.length === 0 && <p className="dim">A story's images lie here in the order of its scenes. Render a story, or set a pipeline's story, and it appears.</p>}
      {data?.stories.map((story) => (
        <section key={story.name} className="story">
          <header>
            <h2>{story.name}</h2>
            <span className="dim">{story.images === 1 ? "one image" : `${story.images} images`}</span>
            <a href={hrefOf("", [], { q: term("story", story.name) })}>Show all</a>
          </header>
          <Strip cards={story.cards} onOpen={(at) => open(story.cards, at)} />
        </section>
      ))}
      {lightbox}
    </div>
  );
}

function Strip({ cards: all, onOpen }: { cards: Card[]; onOpen: (at: number) => void }) {
  useMemo(() => cards.put(all), [all]); // before the cells ask for them
  const [current, setCurrent] = useState(0);
  useEffect(() => setCurrent(0), [all]);
  return (
    <div
      className="strip"
      role="listbox"
      aria-label="Images of the story"
      tabIndex={0}
      onClick={(event) => {
        const cell = (event.target as Element).closest<HTMLElement>("[data-i]");
        if (cell) onOpen(Number(cell.dataset.i));
      }}
      onKeyDown={(event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (by) setCurrent(Math.max(0, Math.min(all.length - 1, current + by)));
        else if (event.key === "Enter" || event.key === " ") onOpen(current);
        else return;
        event.preventDefault();
      }}
    >
      {all.map((card, index) => (
        <div key={card.id} className="frame" role="presentation" style={{ aspectRatio: ratioOf(card) }}>
          <Cell index={index} id={card.id} total={all.length} isCurrent={index === current} isSelected={false} />
        </div>
      ))}
    </div>
  );
}

/** Its own shape, so that a strip has no empty bars; of what is very long or unknown a usual one. */
function ratioOf({ width, height }: Card): number {
  return width > 0 && height > 0 ? Math.max(0.5, Math.min(2, width / height)) : 2 / 3;
}
