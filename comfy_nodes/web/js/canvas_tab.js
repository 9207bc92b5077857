// A workflow in a tab of its own on the canvas.

import { app } from "./host.js";

const AROUND = 90; // px around an opened workflow

/** All of it in view, under a name that no saved workflow has. */
export async function openInTab(workflow, name) {
  const extra = workflow.nodes.length ? { ...workflow.extra, ds: wholeIn(workflow) } : workflow.extra;
  await app.loadGraphData({ ...workflow, extra }, true, true, freeName(name));
}

/** The view in which all of a workflow is seen, as ComfyUI keeps it; older frontends find none themselves. */
function wholeIn({ nodes }) {
  const edge = (pick, which) => which(...nodes.map(pick));
  const [left, top] = [edge(({ pos }) => pos[0], Math.min), edge(({ pos }) => pos[1], Math.min)];
  const width = edge(({ pos, size }) => pos[0] + size[0], Math.max) - left;
  const height = edge(({ pos, size }) => pos[1] + size[1], Math.max) - top;
  const { clientWidth, clientHeight } = app.canvas.canvas;
  const scale = Math.min(1, (clientWidth - 2 * AROUND) / width, (clientHeight - 2 * AROUND) / height);
  const middle = (space, size, start) => space / scale / 2 - size / 2 - start;
  return { scale, offset: [middle(clientWidth, width, left), middle(clientHeight, height, top)] };
}

/** A name that no saved workflow has: ComfyUI would open that one, with ours in it. */
function freeName(name) {
  const isTaken = (tried) => app.extensionManager?.workflow?.getWorkflowByPath?.(`workflows/${tried}.json`);
  let free = name;
  for (let number = 2; isTaken(free); number++) free = `${name} (${number})`;
  return free;
}
