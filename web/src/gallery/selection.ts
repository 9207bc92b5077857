// Which images are chosen, as pure steps. An anchor is where a Shift-click counts from: an index of the grid.

export interface Selection {
  ids: ReadonlySet<number>;
  anchor: number | null;
}

export const NONE: Selection = { ids: new Set(), anchor: null };

export function toggled(selection: Selection, id: number, index: number): Selection {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, anchor: index };
}

export function added(selection: Selection, more: Iterable<number>): Selection {
  return { ids: new Set([...selection.ids, ...more]), anchor: selection.anchor };
}

/** From the anchor to `index`, both with it; [first, last]. */
export function span(selection: Selection, index: number): [number, number] {
  const from = selection.anchor ?? index;
  return from < index ? [from, index] : [index, from];
}
