// The canvas: stages as nodes, dragged, connected and selected.

import {
  applyNodeChanges,
  Background,
  BackgroundVariant,
  type EdgeChange,
  MiniMap,
  type NodeChange,
  type OnConnectEnd,
  ReactFlow,
  type ReactFlowInstance,
  useReactFlow,
} from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { complain } from "../toasts";
import { AddMenu, type AddMenuAt } from "./add_menu";
import { useDesk } from "./desk";
import { NeedEdge, type NeedEdgeType } from "./edge";
import { changeWhole } from "./edits";
import { colourOf, Icon } from "./icons";
import { positions, type Size } from "./layout";
import { changedSince, type Outcomes } from "./outcomes";
import type { Pipeline, Point, Stage } from "./pipeline";
import { type StageData, StageNode, type StageNodeType } from "./stage_node";
import { connect, disconnect, needsOf, whyNot } from "./wiring";

const NODES = { stage: StageNode };
const EDGES = { need: NeedEdge };
const FIT = { padding: 0.12, maxZoom: 1, minZoom: 0.4, duration: 200 };

export interface Target {
  node?: string;
  edge?: string;
}

export function Canvas({ target, isPhone }: { target: Target; isPhone: boolean }) {
  const desk = useDesk();
  const { work, change, kinds, verdict, outcomes, selected, select, running, shown } = desk;
  const { pipeline } = work;
  const flow = useReactFlow<StageNodeType, NeedEdgeType>();
  const [menu, setMenu] = useState<AddMenuAt | null>(null);
  const [nodes, setNodes] = useState<StageNodeType[]>([]);
  const [cuttable, setCuttable] = useState<readonly string[]>([]);
  const sizes = useSizes(nodes);
  const places = useMemo(() => positions(pipeline, sizes), [pipeline, sizes]);
  const stale = useMemo(
    () => new Set(shown.of === "job" && running.job ? changedSince(pipeline, running.job, kinds) : []),
    [pipeline, running.job, kinds, shown.of],
  );

  useEffect(() => {
    const problems = new Map(verdict.state === "bad" ? verdict.problems.map((one) => [one.stage, one.message]) : []);
    setNodes((before) => {
      const known = new Map(before.map((node) => [node.id, node]));
      return pipeline.stages.map((stage) => {
        const data: StageData = {
          stage,
          kind: kinds.get(stage.type),
          outcome: outcomes.get(stage.id),
          problem: problems.get(stage.id) ?? "",
          isStale: stale.has(stage.id),
          isTarget: target.node === stage.id,
        };
        return nodeOf(stage, data, places.get(stage.id)!, selected.includes(stage.id), known.get(stage.id));
      });
    });
  }, [pipeline, places, outcomes, verdict, kinds, stale, target.node, selected]);

  const wiring = JSON.stringify([...needsOf(pipeline.stages)]);
  const edges = useMemo(() => edgesOf(JSON.parse(wiring) as Wiring, cuttable, target.edge, change), [wiring, cuttable, target.edge, change]);
  useFitting(work.opened, pipeline.stages.length, sizes.size, () => void flow.fitView(FIT));

  const wasLaidOut = useRef(pipeline.layout);
  useEffect(() => {
    if (wasLaidOut.current && !pipeline.layout && pipeline.stages.length) setTimeout(() => void flow.fitView(FIT), 60);
    wasLaidOut.current = pipeline.layout;
  }, [pipeline, flow]);
  useKeepingInView(outcomes, nodes, flow);

  const onNodesChange = useCallback(
    (changes: NodeChange<StageNodeType>[]) => {
      setNodes((before) => applyNodeChanges(changes.filter(({ type }) => type !== "remove"), before));
      const picked = changes.filter((one) => one.type === "select");
      if (picked.length) select(pickedOf(selected, picked));
      const moved = changes.filter((one) => one.type === "position" && one.dragging === false && one.position);
      if (moved.length) change((now) => moveTo(now, places, moved as { id: string; position: { x: number; y: number } }[]));
    },
    [change, places, select, selected],
  );
  const onEdgesChange = useCallback((changes: EdgeChange<NeedEdgeType>[]) => {
    const picked = changes.filter((one) => one.type === "select");
    if (picked.length) setCuttable((before) => pickedOf(before, picked));
  }, []);
  const onConnectEnd: OnConnectEnd = useCallback(
    (event, { fromHandle, fromNode, toNode, isValid }) => {
      if (!fromNode || !fromHandle || isValid) return;
      const [from, to] = fromHandle.type === "source" ? [fromNode.id, toNode?.id] : [toNode?.id, fromNode.id];
      if (from && to) {
        const why = whyNot(pipeline, from, to);
        if (!why) change((now) => connect(now, from, to)); // it was let go on the card, not on its dot
        else if (!needsOf(pipeline.stages).get(to)?.includes(from)) complain(why);
      } else if (fromHandle.type === "source") {
        const { clientX, clientY } = "changedTouches" in event ? event.changedTouches[0]! : event;
        setMenu({ x: clientX, y: clientY, from: fromNode.id });
      }
    },
    [pipeline, change],
  );

  return (
    <>
      <ReactFlow<StageNodeType, NeedEdgeType>
        nodes={nodes}
        edges={edges}
        nodeTypes={NODES}
        edgeTypes={EDGES}
        onNodesChange={onNodesChange}
        onEdgesChange={onEdgesChange}
        onConnect={({ source, target: to }) => change((now) => connect(now, source, to))}
        isValidConnection={({ source, target: to }) => !whyNot(pipeline, source, to)}
        onConnectEnd={onConnectEnd}
        onPaneClick={() => select([])}
        deleteKeyCode={null}
        multiSelectionKeyCode={["Control", "Meta", "Shift"]}
        selectionKeyCode={isPhone ? null : "Shift"}
        connectionRadius={34}
        minZoom={0.2}
        maxZoom={1.6}
        nodeDragThreshold={4}
        zoomOnDoubleClick={false}
        elevateNodesOnSelect
        proOptions={{ hideAttribution: false }}
        fitView
        fitViewOptions={{ ...FIT, duration: 0 }}
      >
        <Background variant={BackgroundVariant.Dots} gap={22} size={1.4} color="var(--line)" bgColor="var(--bg)" />
        {!isPhone && nodes.length > 4 && (
          <MiniMap pannable zoomable nodeColor={(node) => colourOf((node as StageNodeType).data.stage.type)} nodeBorderRadius={24} ariaLabel="Overview" />
        )}
      </ReactFlow>
      <div className="b-zoom" role="group" aria-label="View">
        <button className="button quiet icon" onClick={() => void flow.zoomIn({ duration: 120 })} aria-label="Nearer" title="Nearer">
          <Icon name="plus" />
        </button>
        <button className="button quiet icon" onClick={() => void flow.zoomOut({ duration: 120 })} aria-label="Farther" title="Farther">
          <Icon name="minus" />
        </button>
        <button className="button quiet icon" onClick={() => void flow.fitView(FIT)} aria-label="Show all" title="Show all (F)">
          <Icon name="fit" />
        </button>
      </div>
      {menu && <AddMenu at={menu} close={() => setMenu(null)} />}
    </>
  );
}

type Wiring = [id: string, needs: string[]][];

function edgesOf(
  wiring: Wiring,
  cuttable: readonly string[],
  target: string | undefined,
  change: (to: (pipeline: Pipeline) => Pipeline) => void,
): NeedEdgeType[] {
  const ids = new Set(wiring.map(([id]) => id));
  return wiring.flatMap(([to, needs]) =>
    needs.flatMap((need, at): NeedEdgeType[] => {
      if (!ids.has(need)) return [];
      const id = `${need} → ${to}`;
      const remove = () => change((now) => disconnect(now, need, to));
      const data = { isPrompt: at === 0, isTarget: target === id, remove };
      return [{ id, source: need, target: to, type: "need", selected: cuttable.includes(id), data, ariaLabel: `${to} goes on from ${need}` }];
    }),
  );
}

/** The node as it was, where it would be the same again: then nothing of it is drawn anew. */
function nodeOf(stage: Stage, data: StageData, [x, y]: Point, selected: boolean, old?: StageNodeType): StageNodeType {
  const ariaLabel = `${stage.id}, ${data.kind?.title ?? stage.type}`;
  if (!old) return { id: stage.id, type: "stage", position: { x, y }, data, ariaLabel, selected };
  const isSame = Object.entries(data).every(([name, value]) => old.data[name] === value);
  const isThere = old.dragging || (old.position.x === x && old.position.y === y);
  if (isSame && isThere && old.selected === selected) return old;
  return { ...old, position: isThere ? old.position : { x, y }, data: isSame ? old.data : data, ariaLabel, selected };
}

function pickedOf(before: readonly string[], changes: { id: string; selected: boolean }[]): string[] {
  const off = new Set(changes.filter((one) => !one.selected).map((one) => one.id));
  const on = changes.filter((one) => one.selected).map((one) => one.id);
  return [...new Set([...before.filter((id) => !off.has(id)), ...on])];
}

/** From the first move on, the file says where each stage is. */
function moveTo(pipeline: Pipeline, places: ReadonlyMap<string, Point>, moved: { id: string; position: { x: number; y: number } }[]): Pipeline {
  const layout: Record<string, Point> = Object.fromEntries(places);
  let isMoved = false;
  for (const { id, position } of moved) {
    const at: Point = [Math.round(position.x), Math.round(position.y)];
    const was = layout[id];
    if (!was || was[0] !== at[0] || was[1] !== at[1]) isMoved = true;
    layout[id] = at;
  }
  return isMoved ? changeWhole(pipeline, { layout }) : pipeline;
}

/** How large the nodes are, as they were drawn; the same map as long as nothing has changed. */
function useSizes(nodes: readonly StageNodeType[]): ReadonlyMap<string, Size> {
  const last = useRef<ReadonlyMap<string, Size>>(new Map());
  const now = new Map<string, Size>();
  for (const { id, measured } of nodes)
    if (measured?.width && measured.height) now.set(id, { width: measured.width, height: measured.height });
  const isSame =
    now.size === last.current.size &&
    [...now].every(([id, { width, height }]) => {
      const was = last.current.get(id);
      return was?.width === width && was.height === height;
    });
  if (!isSame) last.current = now;
  return last.current;
}

/** Moves the canvas as far as it takes to see the stage that runs, and at the end the images. */
function useKeepingInView(outcomes: Outcomes, nodes: readonly StageNodeType[], flow: ReactFlowInstance<StageNodeType, NeedEdgeType>): void {
  const around = useRef<string>("");
  const all = [...outcomes];
  const [id = "", outcome] = all.findLast(([, one]) => one.state === "running" || one.state === "failed" || one.images.length > 0) ?? [];
  const node = nodes.find((one) => one.id === id);
  const height = node?.measured?.height ?? 0;
  const now = id && `${id} ${outcome!.state} ${height} ${node?.position.y}`;
  useEffect(() => {
    if (!now || now === around.current || !node) return;
    around.current = now;
    const canvas = document.querySelector(".b-canvas")!.getBoundingClientRect();
    const { x, y, zoom } = flow.getViewport();
    const top = node.position.y * zoom + y;
    const over = top + height * zoom + 24 - canvas.height;
    if (over > 0) void flow.setViewport({ x, y: y - Math.min(over, top - 16), zoom }, { duration: 250 });
    else if (top < 16) void flow.setViewport({ x, y: y + 16 - top, zoom }, { duration: 250 });
  }, [now, node, height, flow]);
}

/** Shows all of it when another pipeline was opened and drawn. */
function useFitting(opened: number, count: number, drawn: number, fit: () => void): void {
  const fitted = useRef(-1);
  useEffect(() => {
    if (fitted.current === opened || count !== drawn || !count) return;
    fitted.current = opened;
    const timer = setTimeout(fit, 60);
    return () => clearTimeout(timer);
  }, [opened, count, drawn, fit]);
}
