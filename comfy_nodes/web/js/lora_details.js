// One LoRA: what is known of it and from where, and what a person says of it.

import { t, toast } from "./host.js";
import { copy } from "./dialog.js";
import { askCivitai, wasAsked } from "./lora_civitai.js";
import { baseBadge, brief, makeDraggable, pictureOf, place, say, selectedNode, tagOf } from "./lora_page.js";
import { el } from "./words.js";

const FACTS = 60; // of one LoRA, that are listed

/**
 * ``changed(lora)``: called with what the server then knows; ``back``: what a person came from; ``typed``: what stands
 * in the fields and was not saved. The element's ``typed()`` gives it, when it is replaced.
 */
export function detailsElement(lora, { back, changed, baseModels, refilter, test, typed = {} }) {
  const picture = pictureOf(lora, "large");
  const form = formOf(lora, changed, baseModels, typed);
  const element = el(
    "div",
    { class: "orl-details" },
    el(
      "header",
      {},
      iconButton("pi-arrow-left", t("lora_back"), back),
      el("h3", { dir: "auto", title: lora.title }, lora.title),
      starButton(lora, changed),
    ),
    el(
      "div",
      { class: "orl-details-body", tabindex: "-1" },
      el("div", { class: "orl-hero" }, picture, baseBadge(lora)),
      buttonsOf(lora, changed, test),
      groupsOf(lora),
      ...lora.problems.map((problem) => el("p", { class: "orl-problem" }, problem)),
      lora.flags.length > 0 && el("ul", { class: "orl-flags" }, ...lora.flags.map((flag) => flagElement(flag, refilter))),
      form.element,
      aboutOf(lora),
      factsOf(lora),
    ),
  );
  makeDraggable(picture, lora);
  element.typed = form.typed;
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") back();
    event.stopPropagation(); // ComfyUI has keys of its own
  });
  return element;
}

function iconButton(icon, title, onclick) {
  return el("button", { type: "button", class: "orl-icon", title, "aria-label": title, onclick }, el("i", { class: `pi ${icon}` }));
}

function starButton(lora, changed) {
  const button = iconButton(lora.favourite ? "pi-star-fill" : "pi-star", t(lora.favourite ? "lora_unstar" : "lora_star"), async () => {
    const found = await say(lora, { favourite: !lora.favourite });
    if (found) changed(found);
  });
  button.classList.toggle("orl-on", lora.favourite);
  return button;
}

function buttonsOf(lora, changed, test) {
  const words = lora.trigger_words.join(", ");
  const button = (icon, text, onclick, main) =>
    el("button", { type: "button", class: main ? "orl-main" : "", onclick }, el("i", { class: `pi ${icon}` }), " ", text);
  return el(
    "div",
    { class: "orl-buttons" },
    button("pi-plus", t("lora_add"), () => place(lora, selectedNode()), true),
    words && button("pi-copy", t("lora_copyWords"), () => copied(words)),
    button("pi-tag", t("lora_copyTag"), () => copied(tagOf(lora))),
    button("pi-th-large", t("lora_test"), () => test(lora)),
    civitaiButton(lora, changed),
  );
}

async function copied(text) {
  await copy(text).then(() => toast("success", t("lora_copied"), brief(text)), (error) => toast("error", t("failed"), error.message));
}

/** Each group of trigger words by itself, where there are several: a click copies it, in whole. */
function groupsOf({ trigger_words: groups }) {
  if (groups.length < 2) return null;
  const chips = groups.map((group) =>
    el("button", { type: "button", dir: "auto", title: group, onclick: () => copied(group) }, brief(group)),
  );
  return el("div", { class: "orl-groups" }, ...chips);
}

function civitaiButton(lora, changed) {
  const text = el("span", {}, t(wasAsked(lora) ? "lora_civitaiAgain" : "lora_civitaiAsk"));
  const before = text.textContent;
  const isAsking = (asking) => {
    button.disabled = asking;
    text.textContent = asking ? t("lora_civitaiAsking") : before;
  };
  const click = () => askCivitai(lora, changed, isAsking);
  const button = el("button", { type: "button", class: "orl-civitai", title: t("lora_civitaiHelp"), onclick: click }, el("i", { class: "pi pi-globe" }), " ", text);
  return button;
}

function flagElement(flag, refilter) {
  const name = el("button", { type: "button", title: t("lora_showAll"), onclick: () => refilter(`missing:${flag.kind}`) }, t(`lora_flag_${flag.kind}`));
  return el("li", {}, name, " ", flagText(flag, "sentence"), " ", el("span", {}, flagText(flag, "advice")));
}

/** In the page's language; a newer server may have kinds that the page has no words for. */
function flagText(flag, part) {
  const key = `lora_${part}_${flag.kind}`;
  const text = t(key);
  return text === key ? flag[part] : text;
}

// what a person says

function formOf(lora, changed, baseModels, typed) {
  const own = new Set(lora.facts.filter(({ source }) => source === "user").map(({ field }) => field));
  const fields = {
    trigger_words: el("textarea", { rows: 3, placeholder: t("lora_wordsHint") }),
    tags: el("input", { type: "text", placeholder: t("lora_tagsHint") }),
    base_model: el("input", { type: "text", list: "orl-base-models", placeholder: t("lora_unknown") }),
    preferred_strength: el("input", { type: "number", step: "0.05", min: "-10", max: "10", placeholder: "0.8" }),
    notes: el("textarea", { rows: 2 }),
  };
  const before = {
    trigger_words: lora.trigger_words.join("\n"),
    tags: lora.tags.join(", "),
    base_model: lora.sub || lora.base,
    preferred_strength: lora.strength ?? "",
    notes: lora.notes,
  };
  for (const [name, field] of Object.entries(fields)) Object.assign(field, { name, value: typed[name] ?? String(before[name]) });
  const changes = () => Object.keys(fields).filter((name) => fields[name].value.trim() !== String(before[name]).trim());
  const save = el("button", { type: "button", class: "orl-main", disabled: !changes().length, onclick: () => keep() }, t("lora_save"));
  const keep = async () => {
    const found = await say(lora, Object.fromEntries(changes().map((name) => [name, valueOf(name, fields[name].value)])));
    if (!found) return;
    for (const [name, field] of Object.entries(fields)) field.value = String(before[name]); // it is saved
    changed(found);
  };
  const row = (name) => {
    const takeBack = own.has(name) && iconButton("pi-undo", t("lora_takeBack"), async () => {
      const found = await say(lora, { [name]: null });
      if (!found) return;
      fields[name].value = String(before[name]);
      changed(found);
    });
    return el("label", {}, el("span", {}, t(`lora_field_${name}`), takeBack), fields[name]);
  };
  const excluded = el("input", { type: "checkbox", onchange: async () => {
    const found = await say(lora, { excluded: excluded.checked });
    if (found) changed(found);
  } });
  excluded.checked = lora.excluded;
  const form = el(
    "div",
    { class: "orl-form", oninput: () => (save.disabled = !changes().length) },
    ...Object.keys(fields).map(row),
    el("label", { class: "orl-check" }, excluded, t("lora_exclude")),
    el("datalist", { id: "orl-base-models" }, ...baseModels.map((value) => el("option", { value }))),
    el("div", { class: "orl-buttons" }, save),
  );
  return { element: form, typed: () => Object.fromEntries(changes().map((name) => [name, fields[name].value])) };
}

/** As the server takes it; an empty text means "none", which is an answer too. */
function valueOf(name, text) {
  if (name === "trigger_words") return text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (name === "tags") return text.split(",").map((tag) => tag.trim()).filter(Boolean);
  if (name === "preferred_strength") return text.trim() ? Number(text) : null;
  return text.trim();
}

// what is known

function aboutOf(lora) {
  const size = lora.size >= 1e6 ? `${(lora.size / 1e6).toFixed(0)} MB` : `${(lora.size / 1e3).toFixed(0)} kB`;
  const rows = [
    [t("lora_file"), lora.file],
    [t("lora_folder"), lora.folder],
    [t("lora_alsoIn"), lora.also.join("\n")],
    [t("lora_size"), [size, lora.rank && t("lora_rank", { rank: lora.rank })].filter(Boolean).join(" · ")],
    [t("lora_field_category"), lora.category],
    [t("lora_trainedOn"), lora.trained_on],
    [t("lora_negative"), lora.negative],
    ["SHA-256", lora.sha256],
  ].filter(([, value]) => value);
  return el(
    "section",
    {},
    lora.description && el("p", { class: "orl-description", dir: "auto" }, lora.description),
    lora.civitai && el("p", {}, el("a", { href: lora.civitai, target: "_blank", rel: "noopener noreferrer" }, "civitai.com")),
    el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    lora.training_tags.length > 0 && el("h4", {}, t("lora_trainingTags")),
    lora.training_tags.length > 0 &&
      el("p", { class: "orl-tags" }, ...lora.training_tags.map(([tag, count]) => el("span", { title: String(count) }, tag))),
    lora.examples.length > 0 && el("h4", {}, t("lora_examples")),
    ...lora.examples.slice(0, 3).map((text) => el("p", { class: "orl-example", dir: "auto" }, text)),
  );
}

/** Each value with where it was read; what contradicts another is marked. */
function factsOf(lora) {
  const conflicts = new Set(lora.conflicts);
  const rows = lora.facts.slice(0, FACTS).map(({ field, value, source, confidence }) =>
    el(
      "tr",
      { class: conflicts.has(field) ? "orl-conflict" : "" },
      el("td", {}, field.replaceAll("_", " ")),
      el("td", { dir: "auto" }, value.length > 160 ? `${value.slice(0, 159)}…` : value || "–"),
      el("td", { title: t("lora_confidence", { percent: Math.round(confidence * 100) }) }, source),
    ),
  );
  if (!rows.length) return null;
  return el("details", { class: "orl-facts", open: conflicts.size > 0 }, el("summary", {}, t("lora_facts", { count: lora.facts.length })), el("table", {}, ...rows));
}
