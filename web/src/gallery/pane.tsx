// One image, as large as there is room: the thumbnail at once, the file over it when it is there.

import { useEffect, useRef, useState } from "react";
import type { Card } from "../types";
import { labelOf } from "./cell";
import { file, thumbnail } from "./thumbnails";
import { attachZoom, type Gestures, type Zoom } from "./zoom";

export function Pane({ card, zoom, ...gestures }: { card: Card; zoom: Zoom } & Gestures) {
  const pane = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const latest = useRef(gestures);
  latest.current = gestures;
  useEffect(
    () =>
      attachZoom(pane.current!, inner.current!, zoom, {
        onSwipe: (direction) => latest.current.onSwipe?.(direction),
        onTap: () => latest.current.onTap?.(),
      }),
    [zoom],
  );
  return (
    <div ref={pane} className="pane">
      <div ref={inner} className="inner">
        {card.broken ? <p className="broken-whole">This image cannot be shown: {card.broken}</p> : <Picture key={card.id} card={card} />}
      </div>
    </div>
  );
}

function Picture({ card }: { card: Card }) {
  const [state, setState] = useState<"coming" | "there" | "failed">("coming");
  // A tiny one is shown eight times as large and no larger.
  const most = card.width ? { maxWidth: `min(100%, ${card.width * 8}px)`, maxHeight: `min(100%, ${card.height * 8}px)` } : {};
  return (
    <>
      {state !== "there" && <img src={thumbnail(card)} alt="" draggable={false} style={most} />}
      <img
        src={file(card)}
        alt={labelOf(card)}
        draggable={false}
        decoding="async"
        onLoad={() => setState("there")}
        onError={() => setState("failed")}
        style={{ visibility: state === "there" ? undefined : "hidden", ...most }}
      />
      {state === "failed" && <p className="broken-whole">{card.missing ? "The file is gone. Its marks are kept." : "The file cannot be loaded."}</p>}
    </>
  );
}
