// What a story is told with: its name, its profiles and its lore books; of a new one, and of one that is there.

import { t } from "./host.js";
import { Dialog } from "./dialog.js";
import { edit } from "./story_page.js";
import { el } from "./words.js";

/** Asks for a new story; the story, or null. */
export async function newStory(known) {
  const told = await askFor(t("story_new"), { name: "", profiles: [], books: [] }, known, t("story_begin"));
  return told && edit("new", told);
}

/** Lets a person change what a story is told with. */
export async function settingsOf(story, changed) {
  const told = await askFor(t("story_settings"), story, story, t("story_save"));
  if (!told) return;
  const { name, ...others } = told;
  const found = await edit("use", { name: story.name, ...others, ...(name === story.name ? {} : { new_name: name }) });
  if (found) changed(found);
}

async function askFor(title, told, known, yes) {
  const name = el("input", { type: "text", maxlength: 200, placeholder: t("story_name"), "aria-label": t("story_name") });
  name.value = told.name;
  const profiles = choices(told.profiles, known.known_profiles);
  const books = choices(told.books, known.known_books);
  const main = el("button", { type: "button", class: "orc-main", onclick: () => dialog.close(true) }, yes);
  const check = () => (main.disabled = !name.value.trim());
  name.addEventListener("input", check);
  name.addEventListener("keydown", (event) => event.key === "Enter" && !main.disabled && dialog.close(true));
  check();
  const body = [
    name,
    el("h4", {}, t("story_profiles")),
    profiles.element,
    el("h4", {}, t("story_books")),
    known.known_books.length || told.books.length ? books.element : el("p", { class: "ors-soft" }, t("story_noBooks")),
  ];
  const dialog = new Dialog(title, "ors-dialog", body, [main]);
  if (!(await dialog.open(name))) return null;
  return { name: name.value.trim(), profiles: profiles.chosen(), books: books.chosen() };
}

/** Check boxes; what is chosen and is not there any more can still be taken out. */
function choices(chosen, known) {
  const boxes = [...new Set([...chosen, ...known])].map((name) => {
    const box = el("input", { type: "checkbox", value: name });
    box.checked = chosen.includes(name);
    return el("label", { dir: "auto" }, box, name);
  });
  const picked = () => boxes.map((label) => label.firstChild).filter((box) => box.checked).map((box) => box.value);
  return { element: el("div", { class: "ors-choices" }, ...boxes), chosen: picked };
}
