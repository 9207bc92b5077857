// One story: buttons to go on with, its state to edit, its scenes with their images, and what changed by whom.

import { api, setting, t, toast } from "./host.js";
import { confirm } from "./dialog.js";
import { changesElement } from "./story_node.js";
import { ACTIONS, actionText, addNode, edit, goOn, storyNode } from "./story_page.js";
import { settingsOf } from "./story_settings.js";
import { el } from "./words.js";

const ICONS = { continue: "pi-play", develop: "pi-user-plus", new_scene: "pi-map-marker" };

/** ``changed(story)``: called with what the server then knows; ``back``: what a person came from; ``more``: older scenes. */
export function storyElement(story, { back, changed, gone, more }) {
  const send = async (path, body = {}) => {
    const found = await edit(path, { name: story.name, ...body });
    if (found) changed(found);
    return found;
  };
  const step = async (path, text) => {
    const found = await send(path);
    if (found) toast("success", text, found.stepped.join("\n"));
  };
  const actions = el("section", { class: "ors-actions" });
  const showActions = () => actions.replaceChildren(...actionsOf(story, showActions));
  showActions();
  const element = el(
    "div",
    { class: "ors-story" },
    el(
      "header",
      {},
      iconButton("pi-arrow-left", t("story_back"), back),
      el("h3", { dir: "auto", title: story.name }, story.name),
      iconButton("pi-undo", t("story_undo"), () => step("undo", t("story_undone")), !story.can_undo),
      iconButton("pi-refresh", t("story_redo"), () => step("redo", t("story_redone")), !story.can_redo),
      iconButton("pi-cog", t("story_settings"), () => settingsOf(story, changed)),
      iconButton("pi-trash", t("story_delete"), () => remove(story, gone)),
    ),
    el(
      "div",
      { class: "ors-body", tabindex: "-1" },
      actions,
      stateElement(story, (changes) => send("change", { changes })),
      scenesElement(story, (body) => send("leave-out", body), more),
      logElement(story),
    ),
  );
  const isOld = () => Boolean(storyNode(story.name)) !== Boolean(actions.querySelector("[data-action]"));
  element.addEventListener("pointerover", () => isOld() && showActions()); // another workflow is open, or a node is gone
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back();
    event.stopPropagation(); // ComfyUI has keys of its own
  });
  return element;
}

function iconButton(icon, title, onclick, disabled = false) {
  return el("button", { type: "button", class: "ors-icon", title, "aria-label": title, onclick, disabled }, el("i", { class: `pi ${icon}` }));
}

async function remove(story, gone) {
  const body = [el("p", {}, t("story_deleteAsk", { name: story.name }))];
  if (!(await confirm({ title: t("story_delete"), body, yes: t("story_deleteYes") }))) return;
  if (await edit("delete", { name: story.name })) gone();
}

/** Buttons that set the graph's Story Memory, and queue it; without one, a button that adds it. */
function actionsOf(story, added) {
  if (!storyNode(story.name)) {
    const add = () => {
      addNode(story.name);
      added();
    };
    const button = el("button", { type: "button", class: "ors-main", onclick: add }, el("i", { class: "pi pi-plus" }), " ", t("story_addNode"));
    return [el("p", { class: "ors-soft" }, t("story_noNode")), button];
  }
  return ACTIONS.map((action) =>
    el("button", { type: "button", class: action === "continue" ? "ors-main" : "", "data-action": action, onclick: () => goOn(story.name, action) }, el("i", { class: `pi ${ICONS[action]}` }), " ", actionText(action)),
  );
}

// the state

function stateElement(story, send) {
  const { state } = story;
  const set = (field, subject = "") => (value) => send([value ? { op: "set", field, subject, value } : { op: "clear", field, subject }]);
  const row = (...field) => el("label", {}, el("span", { dir: "auto" }, field[0]), input(...field));
  const people = state.people.map((person) =>
    el(
      "fieldset",
      { class: person.present ? "" : "ors-away" },
      el("legend", { dir: "auto" }, person.name, !person.present && el("small", {}, t("story_away"))),
      row(t("story_wears"), person.outfit, set("outfit", person.name)),
      factsElement(person.facts, person.name, send),
    ),
  );
  return el(
    "section",
    { class: "ors-state" },
    el("h4", {}, t("story_state")),
    row(t("story_who"), state.who.join(", "), set("who"), t("story_whoHint")),
    row(t("story_where"), state.where, set("where")),
    row(t("story_when"), state.when, set("when")),
    row(t("story_mood"), state.mood, set("mood")),
    ...people,
    el("fieldset", {}, el("legend", {}, t("story_known")), factsElement(state.facts, "", send)),
  );
}

/** A field whose text is saved when it is left, or by Enter; Escape takes back what was typed. */
function input(name, value, save, hint = "") {
  const field = el("input", { type: "text", placeholder: hint, "aria-label": name, dir: "auto", autocomplete: "off", spellcheck: "false" });
  field.defaultValue = value; // by which it is known whether something is typed that is not saved
  field.addEventListener("change", () => field.value.trim() !== value && save(field.value.trim()));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") field.blur();
    if (event.key !== "Escape" || field.value === value) return;
    field.value = value;
    event.stopPropagation();
  });
  return field;
}

function factsElement(facts, subject, send) {
  const fact = (value) =>
    el("li", { dir: "auto" }, value, iconButton("pi-times", t("story_forget"), () => send([{ op: "remove", field: "fact", subject, value }])));
  const add = input(t("story_addFact"), "", (value) => value && send([{ op: "add", field: "fact", subject, value }]), t("story_addFact"));
  return el("ul", { class: "ors-facts" }, ...facts.map(fact), el("li", {}, add));
}

// what happened

function scenesElement(story, leaveOut, more) {
  const older = story.scenes.length < story.total && el("button", { type: "button", onclick: more }, t("story_older"));
  return el(
    "section",
    {},
    el("h4", {}, t("story_scenes", { count: story.total })),
    !story.total && el("p", { class: "ors-soft" }, t("story_noScenes")),
    ...story.scenes.map((scene) => sceneElement(scene, leaveOut)),
    older,
  );
}

function sceneElement(scene, leaveOut) {
  const time = new Date(scene.made_ms).toLocaleString(setting("Comfy.Locale"), { dateStyle: "short", timeStyle: "short" });
  const text = scene.left_out ? t("story_takeIn") : t("story_leaveOut");
  const change = () => leaveOut({ scene: scene.number, left_out: !scene.left_out });
  const about = [scene.action === "continue" ? "" : actionText(scene.action), time, t("story_seed", { seed: scene.seed })];
  return el(
    "article",
    { class: scene.left_out ? "ors-out" : "", "data-scene": scene.number },
    pictureOf(scene),
    el(
      "div",
      {},
      el("header", {}, el("b", {}, scene.number), el("span", { dir: "auto" }, scene.words || scene.prompt), iconButton(scene.left_out ? "pi-eye" : "pi-eye-slash", text, change)),
      el("p", { class: "ors-soft", dir: "auto", title: scene.prompt }, scene.prompt),
      scene.lore.length > 0 && el("p", { class: "ors-soft" }, t("story_lore", { titles: scene.lore.join(", ") })),
      el("details", {}, el("summary", {}, about.filter(Boolean).join(" · ")), ...scene.state.map((line) => el("p", { dir: "auto" }, line))),
    ),
  );
}

function pictureOf({ image, images, number }) {
  if (!image) return el("div", { class: "ors-picture", title: images ? t("story_imageGone") : "" }, String(number));
  const url = (more) => api.apiURL(`/view?${new URLSearchParams({ ...image, ...more })}`);
  const picture = el("img", { src: url({ preview: "webp;80" }), alt: "", loading: "lazy", decoding: "async" });
  picture.addEventListener("error", () => picture.remove());
  return el("a", { class: "ors-picture", href: url({}), target: "_blank", rel: "noopener" }, picture, images > 1 && el("span", {}, `+${images - 1}`));
}

function logElement({ log }) {
  if (!log.length) return null;
  const lines = log.map((one) => ({ ...one, text: one.scene ? `${one.scene}. ${one.text}` : one.text }));
  return el("details", { class: "ors-log" }, el("summary", {}, t("story_log", { count: log.length })), changesElement(lines));
}
