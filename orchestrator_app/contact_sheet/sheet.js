"use strict";
const all = (selector) => Array.from(document.querySelectorAll(selector));
const tip = document.getElementById("tip");
const zoom = document.getElementById("zoom");

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.body.appendChild(document.createElement("textarea"));
    area.value = text;
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

for (const button of all("[data-copy]")) {
  button.addEventListener("click", async () => {
    if (button.dataset.was === undefined) button.dataset.was = button.innerHTML;
    await copy(button.dataset.copy);
    button.style.minWidth = `${button.offsetWidth}px`;
    button.textContent = "Copied";
    setTimeout(() => { button.innerHTML = button.dataset.was; }, 1200);
  });
}

function showTip(word) {
  tip.textContent = word.dataset.tip;
  tip.hidden = false;
  const at = word.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left), innerWidth - tip.offsetWidth - 8);
  const above = at.top - tip.offsetHeight - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : at.bottom + 8}px`;
}

for (const word of all("[data-tip]")) {
  const alike = () => all(".w").filter((other) => other.dataset.from === word.dataset.from);
  word.addEventListener("mouseenter", () => { showTip(word); alike().forEach((other) => other.classList.add("same")); });
  word.addEventListener("mouseleave", () => { tip.hidden = true; all(".same").forEach((other) => other.classList.remove("same")); });
}
addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

for (const button of all("[data-kind]")) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    all("[data-kind]").forEach((other) => other.setAttribute("aria-pressed", String(on && other === button)));
    document.body.classList.toggle("focus", on);
    document.body.classList.toggle("plain", button.dataset.kind === "template");
    all(".w").forEach((word) => word.classList.toggle("on", word.classList.contains(button.dataset.kind)));
  });
}

const pictures = all("[data-zoom]");
let shown = 0;
function show(index) {
  shown = (index + pictures.length) % pictures.length;
  zoom.firstElementChild.src = pictures[shown].href;
  zoom.firstElementChild.alt = pictures[shown].firstElementChild.alt;
  if (!zoom.open) zoom.showModal();
}
pictures.forEach((picture, index) => picture.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(index);
}));
zoom.addEventListener("click", () => zoom.close());
addEventListener("keydown", (event) => {
  if (!zoom.open) return;
  if (event.key === "ArrowRight") show(shown + 1);
  if (event.key === "ArrowLeft") show(shown - 1);
});
