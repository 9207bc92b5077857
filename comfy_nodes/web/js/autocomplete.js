// What could be typed next, below the cursor of a template box: wildcards, their values, variables, embeddings; and in
// the box of profiles, their names.
// Keys are listened to only while the list is open.

import { TEMPLATES, ask, promptBox, setting, t, typeInto, valueOf } from "./host.js";
import { el } from "./words.js";

const WAIT = 90; // ms after a key
const MAX_QUERY = 5000; // bytes of the text that is sent, percent-encoded: servers refuse long addresses
const PROFILES = "profiles"; // the box of names, separated by commas
const TRIGGER = /__|\$\{|embedding:/i;

/** Listens to all template boxes of the page. */
export function startAutocomplete() {
  const list = new Suggestions();
  document.addEventListener("input", (event) => list.typed(event));
  for (const name of ["pointerdown", "wheel"])
    document.addEventListener(name, (event) => list.outside(event), { capture: true, passive: true });
  document.addEventListener("focusout", () => list.close());
  window.addEventListener("resize", () => list.close());
  return list;
}

/** What of a text is sent: as much around the cursor as an address can hold. */
export function around(text, cursor) {
  let reach = text.length;
  for (;;) {
    const first = Math.max(0, cursor - reach);
    const part = text.slice(first, cursor + reach);
    if (encodeURIComponent(part.toWellFormed?.() ?? part).length <= MAX_QUERY || reach < 50) return { first, part };
    reach = Math.floor(reach / 2);
  }
}

/** Where the name begins and ends that the cursor is in. */
export function nameAround(text, cursor) {
  const before = /[^,\n]*$/.exec(text.slice(0, cursor))[0];
  const after = /^[^,\n]*/.exec(text.slice(cursor))[0];
  return { start: cursor - before.trimStart().length, end: cursor + after.trimEnd().length };
}

/** The server counts characters, JavaScript halves of some: places of the one in the other. */
export function toUnits(text, characters) {
  return [...text].slice(0, characters).join("").length;
}

export function toCharacters(text, units) {
  return [...text.slice(0, units)].length;
}

class Suggestions {
  constructor() {
    this.items = [];
    this.at = 0;
    this.onKey = (event) => this.key(event);
    this.element = el("ul", { class: "orc-list orc-suggestions", role: "listbox", "aria-label": t("suggestions") });
    // A text box loses the focus to whatever is pressed, unless that is told not to.
    for (const name of ["mousedown", "pointerdown"])
      this.element.addEventListener(name, (event) => {
        event.preventDefault();
        event.stopPropagation();
      });
  }

  typed(event) {
    clearTimeout(this.timer);
    this.asking?.abort();
    const isOff = event.isComposing || setting("Orchestrator.Autocomplete") === false;
    const template = isOff ? null : promptBox(event.target, [...Object.keys(TEMPLATES), PROFILES]);
    if (!template || this.inserting) return this.close();
    const box = event.target;
    if (template.name === PROFILES) {
      this.timer = setTimeout(() => this.lookForProfiles(box), WAIT);
      return;
    }
    const before = box.value.slice(Math.max(0, box.selectionStart - 400), box.selectionStart);
    if (box.selectionStart !== box.selectionEnd || !TRIGGER.test(before)) return this.close();
    this.timer = setTimeout(() => this.look(box, template.node), WAIT);
  }

  async look(box, node) {
    const { first, part } = around(box.value, box.selectionStart);
    const cursor = toCharacters(part, box.selectionStart - first);
    this.asking = new AbortController();
    const query = { text: part, cursor, dialect: valueOf(node, "dialect") ?? "dynamicprompts" };
    try {
      const { items } = await ask("complete", { query, signal: this.asking.signal });
      if (document.activeElement !== box || !items.length) return this.close();
      const places = (item) => ({ start: first + toUnits(part, item.start), end: first + toUnits(part, item.end) });
      this.show(
        box,
        items.map((item) => ({ ...item, ...places(item) })),
      );
    } catch (error) {
      if (error.name !== "AbortError") this.close();
    }
  }

  async lookForProfiles(box) {
    const { start, end } = nameAround(box.value, box.selectionStart);
    this.asking = new AbortController();
    const query = { search: box.value.slice(start, box.selectionStart), limit: 30 };
    try {
      const { profiles } = await ask("profiles", { query, signal: this.asking.signal });
      const items = profiles.map(({ key, name }) => ({ kind: "profile", label: key, detail: name, insert: key, start, end }));
      if (document.activeElement !== box || !items.length) return this.close();
      this.show(box, items);
    } catch (error) {
      if (error.name !== "AbortError") this.close();
    }
  }

  show(box, items) {
    this.close();
    Object.assign(this, { box, items });
    this.element.replaceChildren(...items.map((item, number) => this.row(item, number)));
    document.body.append(this.element);
    this.place();
    this.move(0);
    document.addEventListener("keydown", this.onKey, { capture: true });
  }

  row(item, number) {
    const row = el(
      "li",
      { role: "option", class: `orc-is-${item.kind}` },
      el("b", {}, item.label),
      el("small", {}, item.detail),
    );
    row.addEventListener("pointermove", () => this.move(number));
    row.addEventListener("click", () => this.take(number));
    return row;
  }

  place() {
    const caret = caretOf(this.box, this.items[0].start);
    const own = this.element.getBoundingClientRect();
    const left = Math.max(8, Math.min(caret.left, window.innerWidth - own.width - 8));
    const below = caret.bottom + 4;
    const top = below + own.height < window.innerHeight || caret.top < own.height ? below : caret.top - own.height - 4;
    Object.assign(this.element.style, { left: `${left}px`, top: `${top}px` });
  }

  move(to) {
    this.at = (to + this.items.length) % this.items.length;
    [...this.element.children].forEach((row, number) => row.setAttribute("aria-selected", number === this.at));
    this.element.children[this.at].scrollIntoView({ block: "nearest" });
  }

  key(event) {
    if (event.target !== this.box || event.isComposing) return this.close();
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    if (event.key === "ArrowDown") this.move(this.at + 1);
    else if (event.key === "ArrowUp") this.move(this.at - 1);
    else if (event.key === "Enter" || event.key === "Tab") this.take(this.at);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  take(number) {
    const { box, items } = this;
    const item = items[number];
    this.close();
    this.inserting = true; // what is inserted asks for no suggestions itself
    typeInto(box, item.start, item.end, item.insert + (item.kind === "profile" ? "" : trailing(box.value, item.end)));
    this.inserting = false;
  }

  outside(event) {
    if (!this.element.contains(event.target)) this.close();
  }

  close() {
    clearTimeout(this.timer);
    document.removeEventListener("keydown", this.onKey, { capture: true });
    this.element.remove();
    this.items = [];
  }
}

/** With the insert style "comma": a comma behind what is inserted, unless there is one or the text goes on. */
export function trailing(text, end) {
  return setting("Orchestrator.InsertStyle") === "comma" && /^\s*(\n|$)/.test(text.slice(end)) ? ", " : "";
}

/** Where the character at ``index`` is on the screen, whatever the zoom of the canvas. */
export function caretOf(box, index) {
  const style = getComputedStyle(box);
  const mirror = el("div", { "aria-hidden": "true" });
  const copied = [
    "fontFamily",
    "fontSize",
    "fontWeight",
    "fontStyle",
    "letterSpacing",
    "lineHeight",
    "tabSize",
    "textIndent",
    "textTransform",
    "wordSpacing",
    "paddingTop",
    "paddingRight",
    "paddingBottom",
    "paddingLeft",
    "borderTopWidth",
    "borderRightWidth",
    "borderBottomWidth",
    "borderLeftWidth",
  ];
  for (const name of copied) mirror.style[name] = style[name];
  Object.assign(mirror.style, {
    position: "absolute",
    visibility: "hidden",
    top: "0",
    left: "0",
    boxSizing: "border-box",
    borderStyle: "solid",
    whiteSpace: "pre-wrap",
    overflowWrap: "break-word",
    width: `${box.clientWidth + parseFloat(style.borderLeftWidth) + parseFloat(style.borderRightWidth)}px`,
  });
  const mark = el("span", {}, box.value.slice(index) || ".");
  mirror.append(box.value.slice(0, index), mark);
  document.body.append(mirror);
  const height = parseFloat(style.lineHeight) || parseFloat(style.fontSize) * 1.3;
  const [left, top] = [mark.offsetLeft - box.scrollLeft, mark.offsetTop - box.scrollTop];
  mirror.remove();
  const area = box.getBoundingClientRect();
  const scale = box.offsetWidth ? area.width / box.offsetWidth : 1;
  const bottom = Math.min(area.top + (top + height) * scale, area.bottom);
  return { left: area.left + left * scale, top: area.top + Math.max(0, top) * scale, bottom };
}
