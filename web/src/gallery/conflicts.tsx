// Someone else marked the same meanwhile: what both set, and whose is to stay.

import { useSignal } from "../signal";
import { cards } from "./cards";
import { conflicts, decide, starsOf } from "./marks";
import type { Conflict } from "./mark_queue";

export function Conflicts() {
  const conflict = useSignal(conflicts)[0];
  if (!conflict) return null;
  return (
    <div className="conflict panel" role="alertdialog" aria-label="Marked otherwise meanwhile">
      <p>{sentence(conflict)}</p>
      <div>
        <button className="button" onClick={() => decide(conflict, false)}>
          Keep theirs
        </button>
        <button className="button primary" onClick={() => decide(conflict, true)}>
          Set mine
        </button>
      </div>
    </div>
  );
}

function sentence({ stale }: Conflict): string {
  const entries = Object.entries(stale).flatMap(([id, fields]) => Object.entries(fields).map(([field, both]) => ({ id: Number(id), field, ...both })));
  const first = entries[0];
  if (!first) return "Someone marked this meanwhile.";
  const images = Object.keys(stale).length;
  const name = images > 1 ? `${images} images` : (cards.get(first.id)?.name ?? "an image");
  return `Someone set ${valueOf(first.field, first.now)} meanwhile on ${name}; you set ${valueOf(first.field, first.yours)}.`;
}

function valueOf(field: string, value: boolean | number): string {
  if (field === "rating") return starsOf(Number(value)).toLowerCase();
  return `${value ? "" : "no "}${field}`;
}
