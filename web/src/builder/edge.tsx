// What goes on from what. Whole where the prompt goes, dashed where only images and scores do.

import { BaseEdge, EdgeLabelRenderer, type Edge, type EdgeProps, getBezierPath } from "@xyflow/react";
import { Icon } from "./icons";

export type NeedEdgeType = Edge<{ isPrompt: boolean; isTarget: boolean; remove: () => void }, "need">;

export function NeedEdge(props: EdgeProps<NeedEdgeType>) {
  const { id, source, target, selected, data } = props;
  const [path, x, y] = getBezierPath(props);
  const classes = [data?.isPrompt ? "prompt" : "more", selected && "selected", data?.isTarget && "target"];
  return (
    <>
      <BaseEdge id={id} path={path} className={`b-edge ${classes.filter(Boolean).join(" ")}`} interactionWidth={28} />
      {selected && (
        <EdgeLabelRenderer>
          <button
            className="b-cut nodrag nopan"
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
            onClick={data?.remove}
            aria-label={`${target} no longer goes on from ${source}`}
            title="Cut (Delete)"
          >
            <Icon name="close" size={12} />
          </button>
        </EdgeLabelRenderer>
      )}
    </>
  );
}
