// Where a sentence of the server's belongs: which stage, and which of its fields.

import type { Pipeline } from "./pipeline";

export interface Problem {
  /** The stage's id; "" for the pipeline as a whole. */
  stage: string;
  /** "options.steps", "when", "batch"; "" for the whole. */
  field: string;
  message: string;
}

const OF_STAGE = /^Stage (?:'(.+?)'|"(.+?)")(?: \([^)]*\))?(?:, (\w+))?: (.*)$/s;
const PLACE = /^([A-Za-z_$][\w$]*(?:\.[\w$]+)*): (.*)$/s;

/** `message` as pipelines:check, :plan or POST /jobs tells it. */
export function problemsOf(message: string, pipeline: Pipeline): Problem[] {
  const told = message.replace(/^(?:jobs\.\d+\.)?pipeline: /, "").replace(/^This is no pipeline: /, "");
  const ofStage = OF_STAGE.exec(told);
  if (ofStage) {
    const [, single, double, place, rest] = ofStage;
    return sentences(rest!).map((one) => inStage(single ?? double!, place ? `${place}: ${one}` : one));
  }
  return sentences(told).map((one) => inPipeline(one, pipeline));
}

/** What stands between semicolons, where a new place is named behind one. */
function sentences(text: string): string[] {
  return text.split(/; (?=[A-Za-z_$][\w$.]*: |and \d+ more)/).filter((one) => !/^and \d+ more/.test(one));
}

function inStage(stage: string, text: string): Problem {
  const [, place, message] = PLACE.exec(text) ?? [];
  if (!place || !message) return { stage, field: /no type/.test(text) ? "type" : "", message: sentence(text) };
  const own = /^(when|needs|on_error|tries|wait_s|then|fallback|type|id|enabled)$/.test(place) && !/Input|Extra/.test(message);
  return { stage, field: own ? place : `options.${place}`, message: sentence(message) };
}

function inPipeline(text: string, pipeline: Pipeline): Problem {
  const [, place = "", message = text] = PLACE.exec(text) ?? [];
  const [, number, own = ""] = /^stages\.(\d+)(?:\.(.+))?$/.exec(place) ?? [];
  if (number !== undefined) {
    const stage = pipeline.stages[Number(number)]?.id ?? "";
    return { stage, field: own || (/fall back/.test(message) ? "fallback" : ""), message: sentence(message) };
  }
  const [, named] = /stage '(.+?)'/.exec(message) ?? [];
  const stage = place === "stages" && named && pipeline.stages.some(({ id }) => id === named) ? named : "";
  const field = place.startsWith("batch") ? "batch" : stage ? "needs" : place;
  return { stage, field, message: sentence(message) };
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}
