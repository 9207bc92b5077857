"use strict";
const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
const one = (id) => document.getElementById(id);
const body = document.querySelector("#grid tbody");
const rows = all("tr", body);
const baseline = document.querySelector("tr.baseline");
const zoom = one("zoom"), stage = one("stage");
const [base, own] = all("#stage figure");

// rows

function sortRows() {
  const [key, backwards] = one("sort").value.split("-");
  const compare = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
  const value = (row) => row.dataset[key];
  const sorted = rows.slice();
  if (key !== "order") {
    sorted.sort((a, b) => {
      if (value(a) === "" || value(b) === "") return (value(a) === "") - (value(b) === "");  // what is not known comes last
      const found = Number.isFinite(Number(value(a))) && Number.isFinite(Number(value(b))) ? value(a) - value(b) : compare(value(a), value(b));
      return backwards ? -found : found;
    });
  }
  body.append(...sorted);
}

function filterRows() {
  const words = one("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let seen = 0;
  for (const row of rows) {
    row.hidden = !words.every((word) => row.dataset.text.includes(word));
    seen += !row.hidden;
  }
  document.querySelector(".nothing").hidden = seen > 0;
}

function resize() {
  const size = Number(one("size").value);
  document.documentElement.style.setProperty("--size", `${size}px`);
  document.body.classList.toggle("small", size < 120);
}

one("sort").addEventListener("change", sortRows);
one("filter").addEventListener("input", filterRows);
one("size").addEventListener("input", resize);
one("pinned").addEventListener("change", (event) => document.body.classList.toggle("loose", !event.target.checked));
resize();

// moving about: the rows that are seen, in their order, the baseline first

const cellsOf = (row) => all("td", row);
const shownRows = () => [baseline, ...all("tr", body).filter((row) => !row.hidden)];

function place(link) {
  const cell = link.closest("td");
  return [shownRows().indexOf(cell.parentElement), cellsOf(cell.parentElement).indexOf(cell)];
}

function next(link, down, right) {
  let [row, column] = place(link);
  const shown = shownRows();
  for (row += down, column += right; shown[row]; row += down, column += right) {
    const cells = cellsOf(shown[row]);
    if (!cells[column]) return null;
    const found = cells[column].querySelector(".cell");
    if (found) return found;  // a cell without an image is passed over
  }
  return null;
}

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// one image

let current = null;

function say(link) {
  const figure = link.dataset.figure ? ` · ${link.dataset.figure} from the baseline` : "";
  const about = document.createElement("small");
  about.textContent = `seed ${link.dataset.seed}${figure}`;
  one("what").replaceChildren(link.dataset.title, about);
  one("prompt").textContent = link.dataset.prompt;
}

function show(link) {
  current = link;
  const [, column] = place(link);
  const its = cellsOf(baseline)[column].querySelector(".cell");
  const alone = !its || its === link;
  stage.classList.toggle("itself", alone);
  if (!alone) base.firstElementChild.src = its.href;
  own.firstElementChild.src = link.href;
  own.firstElementChild.alt = own.lastElementChild.textContent = link.dataset.title;
  say(link);
  if (!zoom.open) {
    zoom.showModal();
    stage.focus();
  }
}

function mode(name) {
  for (const other of ["beside", "slide", "alone"]) stage.classList.toggle(other, other === name);
  for (const button of all("[data-mode]")) button.setAttribute("aria-pressed", String(button.dataset.mode === name));
  if (name === "slide") slide();
}

function slide() {  // over the image itself, which may be narrower than its place
  const picture = base.firstElementChild;
  const part = Number(one("slide").value) / 100;
  const wide = picture.naturalWidth || 1, high = picture.naturalHeight || 1;
  const room = picture.getBoundingClientRect();
  const width = Math.min(room.width, room.height * wide / high);
  const at = room.width ? ((room.width - width) / 2 + width * part) / room.width : part;
  stage.style.setProperty("--at", `${at * 100}%`);
  stage.style.setProperty("--part", String(at));
}

for (const link of all("#grid .cell")) {
  if (!link.firstElementChild.hasAttribute("src")) link.firstElementChild.src = link.href;  // a page that holds its images
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link);
  });
}
for (const button of all("[data-mode]")) button.addEventListener("click", () => { mode(button.dataset.mode); button.blur(); });
one("slide").addEventListener("input", slide);
base.firstElementChild.addEventListener("load", slide);
addEventListener("resize", slide);
one("close").addEventListener("click", () => zoom.close());
zoom.addEventListener("close", () => current && current.focus());

let dragging = false;
function drag(event) {
  if (!dragging || !stage.classList.contains("slide")) return;
  const room = base.firstElementChild.getBoundingClientRect(), picture = base.firstElementChild;
  const width = Math.min(room.width, room.height * picture.naturalWidth / (picture.naturalHeight || 1)) || 1;
  const left = room.left + (room.width - width) / 2;
  one("slide").value = String(Math.max(0, Math.min(100, (event.clientX - left) / width * 100)));
  slide();
}
stage.addEventListener("pointerdown", (event) => { if (event.target.id !== "slide") { dragging = true; drag(event); } });
stage.addEventListener("dragstart", (event) => event.preventDefault());
addEventListener("pointermove", drag);
addEventListener("pointerup", () => { dragging = false; });

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input, select");
  const arrow = ARROWS[event.key];
  if (zoom.open) {
    if (arrow && !(event.target.id === "slide" && arrow[1])) {  // left and right move the slider that has the focus
      const to = next(current, ...arrow);
      if (to) show(to);
      event.preventDefault();
    }
    const wanted = { s: "slide", b: "beside", a: "alone" }[event.key.toLowerCase()];
    if (wanted) mode(wanted);
    return;
  }
  if (event.key === "/" && !typing) {
    event.preventDefault();
    one("filter").focus();
  } else if (event.key === "Escape" && event.target.id === "filter") {
    event.target.value = "";
    filterRows();
    event.target.blur();
  } else if (arrow && event.target.matches(".cell")) {
    const to = next(event.target, ...arrow);
    if (to) to.focus();
    event.preventDefault();
  }
});
