// The kinds of stages. Dragged to the canvas by mouse, pen or finger, or added at the end by a click or Enter.

import { useReactFlow } from "@xyflow/react";
import { useRef, useState } from "react";
import type { Target } from "./canvas";
import { useDesk } from "./desk";
import { add, changeWhole, insert, lastOf, newStage } from "./edits";
import { colourOf, Icon } from "./icons";
import { USUAL } from "./layout";
import type { Point } from "./pipeline";
import type { StageKind } from "./server";
import { needsOf } from "./wiring";

const FROM_PX = 6; // as far as a pointer moves before it is a drag
const NEAR = 190; // below a stage at whose end nothing is yet: the new one goes on from there

interface Drag {
  kind: StageKind;
  x: number;
  y: number;
  says: string;
}

export function Palette({ aim, aimed }: { aim: (target: Target) => void; aimed: Target }) {
  const { kinds, kindsTrouble, work, change, select } = useDesk();
  const flow = useReactFlow();
  const [drag, setDrag] = useState<Drag | null>(null);
  const wasDragged = useRef(false);

  const addAtEnd = (type: string) => {
    const stage = newStage(work.pipeline, type);
    change((now) => add(now, stage, lastOf(now)));
    select([stage.id]);
    requestAnimationFrame(() => void flow.fitView({ nodes: [{ id: stage.id }], maxZoom: flow.getZoom(), minZoom: flow.getZoom(), duration: 200 }));
  };

  const begin = (event: React.PointerEvent, kind: StageKind) => {
    if (event.button !== 0) return;
    const [x0, y0] = [event.clientX, event.clientY];
    const pointer = event.pointerId;
    wasDragged.current = false;
    const move = (now: PointerEvent) => {
      if (now.pointerId !== pointer) return;
      if (!wasDragged.current && Math.hypot(now.clientX - x0, now.clientY - y0) < FROM_PX) return;
      wasDragged.current = true;
      const target = under(now);
      aim(target);
      setDrag({ kind, x: now.clientX, y: now.clientY, says: told(target, near(now)) });
    };
    const end = (now: PointerEvent) => {
      if (now.pointerId !== pointer) return;
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      setDrag(null);
      aim({});
      if (now.type === "pointerup" && wasDragged.current && isOnCanvas(now)) drop(kind.type, now);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  };

  const drop = (type: string, at: PointerEvent) => {
    const stage = newStage(work.pipeline, type);
    const target = under(at);
    const after = near(at);
    const { x, y } = flow.screenToFlowPosition({ x: at.clientX, y: at.clientY });
    const place: Point = [Math.round(x - USUAL.width / 2), Math.round(y - 20)];
    const places = Object.fromEntries(
      flow.getNodes().map(({ id, position }): [string, Point] => [id, [Math.round(position.x), Math.round(position.y)]]),
    );
    change((now) => {
      const [from, to] = target.edge?.split(" → ") ?? [];
      if (from && to) return insert(now, stage, from, to);
      if (target.node) return add(now, stage, [target.node]);
      const next = add(now, stage, after ? [after] : []);
      // Whoever puts a stage somewhere wants it there, and the others where they are.
      const isPlaced = now.layout !== undefined || (now.stages.length > 0 && !after);
      return isPlaced ? changeWhole(next, { layout: { ...places, [stage.id]: place } }) : next;
    });
    select([stage.id]);
  };

  /** The nearest stage above the pointer that nothing goes on from yet. */
  const near = (at: PointerEvent): string => {
    const { x, y } = flow.screenToFlowPosition({ x: at.clientX, y: at.clientY });
    const used = new Set([...needsOf(work.pipeline.stages).values()].flat());
    let [found, least] = ["", NEAR];
    for (const node of flow.getNodes()) {
      if (used.has(node.id)) continue;
      const { width = USUAL.width, height = USUAL.height } = node.measured ?? {};
      const below = y - node.position.y - height;
      const far = Math.hypot(Math.max(0, Math.abs(x - node.position.x - width / 2) - width / 2), below);
      if (below > 0 && far < least) [found, least] = [node.id, far];
    }
    return found;
  };

  return (
    <section className="b-palette" aria-label="Stages">
      <h3>Stages</h3>
      {kindsTrouble && (
        <p className="b-bad" role="alert">
          {kindsTrouble.message}{" "}
          <button className="b-small" onClick={kindsTrouble.again}>
            Ask again
          </button>
        </p>
      )}
      <div className="b-kinds">
        {[...kinds.values()].map((kind) => (
          <button
            key={kind.type}
            className="b-kind"
            title={`${kind.summary} Drag it to the canvas; a click adds it at the end.`}
            onPointerDown={(event) => begin(event, kind)}
            onClick={() => {
              if (!wasDragged.current) addAtEnd(kind.type);
              wasDragged.current = false;
            }}
            style={{ "--kind": colourOf(kind.type) } as React.CSSProperties}
          >
            <Icon name={kind.type} />
            <span>
              <strong>{kind.title}</strong>
              <small>{kind.summary}</small>
            </span>
          </button>
        ))}
      </div>
      {drag && (
        <div className="b-ghost panel" style={{ left: drag.x, top: drag.y, "--kind": colourOf(drag.kind.type) } as React.CSSProperties}>
          <Icon name={drag.kind.type} /> <strong>{drag.kind.title}</strong>
          {drag.says && <small>{drag.says}</small>}
        </div>
      )}
      <span className="unseen" role="status">
        {drag && (aimed.node || aimed.edge) ? drag.says : ""}
      </span>
    </section>
  );
}

function told(target: Target, near: string): string {
  if (target.edge) return `between ${target.edge.split(" → ").join(" and ")}`;
  if (target.node) return `after ${target.node}`;
  return near ? `after ${near}` : "";
}

function under(at: PointerEvent): Target {
  const found = document.elementFromPoint(at.clientX, at.clientY);
  const node = found?.closest<HTMLElement>(".react-flow__node")?.dataset.id;
  const edge = found?.closest<SVGElement>(".react-flow__edge")?.dataset.id;
  return node ? { node } : edge ? { edge } : {};
}

function isOnCanvas(at: PointerEvent): boolean {
  return !!document.elementFromPoint(at.clientX, at.clientY)?.closest(".b-canvas");
}
