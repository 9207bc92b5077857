// One image in the grid: two nodes, three where it has marks. Lean, because sixty of them pass in a tenth of a second.

import { memo, useRef, useState } from "react";
import type { Card } from "../types";
import { useCard } from "./cards";
import { starsOf } from "./marks";
import { hueOf, thumbnail } from "./thumbnails";

export interface CellProps {
  index: number;
  id: number | undefined;
  total: number;
  isCurrent: boolean;
  isSelected: boolean;
  /** The grid flies by: no picture is asked for that would be gone before it came. */
  isFlying: boolean;
}

export const Cell = memo(function Cell({ index, id, total, isCurrent, isSelected, isFlying }: CellProps) {
  const card = useCard(id);
  const wasShown = useRef(0);
  if (!isFlying && card) wasShown.current = card.id;
  const isShown = card !== undefined && wasShown.current === card.id;
  if (!card)
    return <div className="cell" role="option" id={`cell-${index}`} data-i={index} aria-selected={isSelected} aria-label="Loading" data-current={isCurrent || undefined} />;
  return (
    <div
      className={classOf(card)}
      role="option"
      id={`cell-${index}`}
      data-i={index}
      data-image={card.id}
      data-current={isCurrent || undefined}
      data-score={card.score === null ? undefined : Math.round(card.score * 100)}
      aria-selected={isSelected}
      aria-setsize={total}
      aria-posinset={index + 1}
      aria-label={labelOf(card)}
      style={card.broken ? undefined : { backgroundColor: `oklch(var(--placeholder) ${hueOf(card)})` }}
    >
      {card.broken ? <span className="why">{card.broken}</span> : isShown && <Thumbnail card={card} />}
      {(card.favourite || card.reject || card.rating > 0) && (
        <span className="badges" aria-hidden="true" data-heart={card.favourite ? "♥" : card.reject ? "✕" : ""}>
          {"★".repeat(card.rating)}
        </span>
      )}
    </div>
  );
});

export function Thumbnail({ card }: { card: Card }) {
  // The server makes thumbnails as they are asked for, and says "later" (503) where that takes it too long.
  const [tries, setTries] = useState(0);
  if (tries > 4) return <span className="why">no thumbnail</span>;
  return (
    <img
      key={tries}
      src={thumbnail(card)}
      alt=""
      loading="lazy"
      decoding="async"
      draggable={false}
      onError={() => setTimeout(() => setTries(tries + 1), 800 * (tries + 1))}
    />
  );
}

export function labelOf(card: Card): string {
  const said = [card.prompt.slice(0, 90) || card.name];
  if (card.broken) said.push(`cannot be shown: ${card.broken}`);
  if (card.favourite) said.push("favourite");
  if (card.reject) said.push("rejected");
  if (card.rating) said.push(starsOf(card.rating));
  return said.join(", ");
}

function classOf(card: Card): string {
  return `cell${card.reject ? " rejected" : ""}${card.broken ? " broken" : ""}`;
}
