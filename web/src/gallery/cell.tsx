// One image in the grid: two nodes, three where it has marks. Lean, because sixty of them pass in a tenth of a second.

import { memo, useState } from "react";
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
}

export const Cell = memo(function Cell({ index, id, total, isCurrent, isSelected }: CellProps) {
  const card = useCard(id);
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
      {card.broken ? <span className="why">{card.broken}</span> : <Thumbnail key={card.id} card={card} />}
      {(card.favourite || card.reject || card.rating > 0) && (
        <span className="badges" aria-hidden="true" data-heart={card.favourite ? "♥" : card.reject ? "⊘" : ""}>
          {"★".repeat(card.rating)}
        </span>
      )}
    </div>
  );
});

export function Thumbnail({ card }: { card: Card }) {
  // The server makes thumbnails as they are asked for, and says "later" (503) where that takes it too long.
  const [tries, setTries] = useState(0);
  if (tries > 3) return <span className="why">no thumbnail</span>;
  return (
    <img
      key={tries}
      src={thumbnail(card)}
      alt=""
      decoding="async"
      draggable={false}
      onError={() => setTimeout(() => setTries(tries + 1), 1000 * (tries + 1))}
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
