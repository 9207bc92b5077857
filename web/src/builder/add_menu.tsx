// What can be added, where a connection was let go on the canvas.

import { useEffect, useRef } from "react";
import { useDesk } from "./desk";
import { add, newStage } from "./edits";
import { colourOf, Icon } from "./icons";

export interface AddMenuAt {
  x: number;
  y: number;
  from: string;
}

export function AddMenu({ at, close }: { at: AddMenuAt; close: () => void }) {
  const { kinds, change, work, select } = useDesk();
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => menu.current?.querySelector("button")?.focus(), []);
  useEffect(() => {
    const outside = (event: PointerEvent) => {
      if (!menu.current?.contains(event.target as Node)) close();
    };
    addEventListener("pointerdown", outside, true);
    return () => removeEventListener("pointerdown", outside, true);
  }, [close]);
  const choose = (type: string) => {
    const stage = newStage(work.pipeline, type);
    change((now) => add(now, stage, [at.from]));
    select([stage.id]);
    close();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === "Escape") close();
    const way = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!way) return;
    event.preventDefault();
    const all = [...menu.current!.querySelectorAll("button")];
    all[(all.indexOf(document.activeElement as HTMLButtonElement) + way + all.length) % all.length]?.focus();
  };
  const left = Math.min(at.x, innerWidth - 220);
  const top = Math.min(at.y, innerHeight - 46 - kinds.size * 36);
  return (
    <div className="b-menu panel" role="menu" aria-label={`After ${at.from}`} style={{ left, top }} ref={menu} onKeyDown={onKeyDown}>
      <h3>After {at.from}</h3>
      {[...kinds.values()].map(({ type, title }) => (
        <button key={type} role="menuitem" className="b-entry" onClick={() => choose(type)} style={{ color: colourOf(type) }}>
          <Icon name={type} /> <span>{title}</span>
        </button>
      ))}
    </div>
  );
}
