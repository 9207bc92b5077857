// A stage on the canvas: what it is, what it does in a line, and what became of it.

import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";
import { colourOf, Icon } from "./icons";
import type { Outcome } from "./outcomes";
import type { Stage } from "./pipeline";
import { Badge, Result } from "./result";
import type { StageKind } from "./server";
import { summaryOf } from "./summary";

/** All that a node shows: one whose data stay the same is not drawn again. */
export interface StageData extends Record<string, unknown> {
  stage: Stage;
  kind: StageKind | undefined;
  outcome: Outcome | undefined;
  problem: string;
  isStale: boolean;
  isTarget: boolean;
}

export type StageNodeType = Node<StageData, "stage">;

export const StageNode = memo(function StageNode({ data, selected }: NodeProps<StageNodeType>) {
  const { stage, kind, outcome, problem, isStale, isTarget } = data;
  const isOff = stage.enabled === false;
  const classes = ["b-node", outcome?.state, selected && "selected", isOff && "off", problem && "wrong", isTarget && "target"];
  return (
    <div className={classes.filter(Boolean).join(" ")} style={{ "--kind": colourOf(stage.type) } as React.CSSProperties}>
      <Handle type="target" position={Position.Top} />
      <header>
        <Icon name={stage.type} />
        <strong>{stage.id}</strong>
        <span className="b-type">{isOff ? "switched off" : titleBeside(stage.id, kind?.title ?? stage.type)}</span>
        {isStale && <span className="b-badge stale">changed</span>}
        {outcome && <Badge outcome={outcome} />}
      </header>
      <p className={stage.type === "generatePrompt" ? "b-summary template" : "b-summary"}>{summaryOf(stage, kind)}</p>
      <Flow stage={stage} />
      {problem && (
        <p className="b-problem">
          <Icon name="warn" size={14} /> {problem}
        </p>
      )}
      {outcome && <Result outcome={outcome} />}
      <Handle type="source" position={Position.Bottom} />
    </div>
  );
});

/** Beside "enhance", "Enhance" says nothing. */
const titleBeside = (id: string, title: string): string => (id.toLowerCase() === title.toLowerCase() ? "" : title);

function Flow({ stage }: { stage: Stage }) {
  const told = [
    stage.when && `when ${stage.when}`,
    stage.on_error && stage.on_error !== "fail" && `on error: ${stage.on_error}${stage.on_error === "retry" ? ` ×${stage.tries ?? 3}` : ""}`,
  ].filter(Boolean);
  return told.length ? (
    <p className="b-flow">
      {told.map((one) => (
        <span key={String(one)}>{one}</span>
      ))}
    </p>
  ) : null;
}
