// What a stage made, on its node: the prompt with what it changed, LoRAs, images, how long it took, what went wrong.

import { useState } from "react";
import { url } from "../api";
import { differenceOf } from "../gallery/diff";
import { hrefOf } from "../route";
import type { Outcome } from "./outcomes";
import type { JobImage } from "./server";
import { secondsOf } from "./summary";

const WORDS: Record<string, string> = {
  asks: "asks the model",
  renders: "renders",
  scores: "scores",
  off: "switched off",
  kept: "kept",
  cached: "as before",
};

export function Badge({ outcome }: { outcome: Outcome }) {
  const { state, word, seconds, progress } = outcome;
  const share = progress === null ? "" : ` ${Math.round(progress * 100)} %`;
  const time = state === "done" && word !== "kept" ? secondsOf(seconds) : "";
  if (!word || (state === "planned" && word === "done")) return null;
  const told = state === "running" ? `running${share}` : (WORDS[word] ?? word);
  return <span className={`b-badge ${state}`}>{time ? `${told} · ${time}` : told}</span>;
}

export function Result({ outcome }: { outcome: Outcome }) {
  const { state, note, before, after, loras, images, progress } = outcome;
  const isSaid = note && !(state === "done" && note === "as it was done before");
  return (
    <div className="b-result">
      {state === "running" && (
        <div className={progress === null ? "b-bar endless" : "b-bar"}>
          <i style={progress === null ? undefined : { width: `${progress * 100}%` }} />
        </div>
      )}
      {isSaid && <p className={state === "failed" ? "b-note error" : "b-note"}>{note}</p>}
      {after !== null && state !== "skipped" && after !== before && <Difference before={before} after={after} />}
      {loras.length > 0 && (
        <p className="b-loras">
          {loras.map(({ name, strength }) => (
            <span key={name}>
              {name.split("/").at(-1)}
              {strength !== undefined && <small> {Number(strength.toFixed(2))}</small>}
            </span>
          ))}
        </p>
      )}
      {images.length > 0 && <Images images={images} />}
    </div>
  );
}

const NEAR = 46; // characters of what stayed that are shown beside a change

/** The prompt with what was taken out and put in, and of what stayed what stands near; one that began here as it is. */
function Difference({ before, after }: { before: string; after: string }) {
  if (!before) return <p className="b-prompt nowheel">{after}</p>;
  const parts = differenceOf(before, after);
  return (
    <p className="b-prompt nowheel" title={after}>
      {parts.map(({ kind, text }, at) =>
        kind === "ins" ? (
          <ins key={at}>{text}</ins>
        ) : kind === "del" ? (
          <del key={at}>{text}</del>
        ) : (
          <span key={at}>{shortened(text, at > 0, at < parts.length - 1)}</span>
        ),
      )}
    </p>
  );
}

/** What stands behind a change, before one, or both. */
function shortened(text: string, isBehind: boolean, isBefore: boolean): string {
  const most = (Number(isBehind) + Number(isBefore)) * NEAR;
  if (text.length <= most + 4) return text;
  return (isBehind ? text.slice(0, NEAR) : "") + "…" + (isBefore ? text.slice(-NEAR) : "");
}

export function Images({ images }: { images: readonly JobImage[] }) {
  return (
    <div className="b-images">
      {images.slice(0, 4).map((image) => (
        <a key={image.id} className="nodrag" href={hrefOf("", [], { q: `run:${image.run_id}` })} title={`${image.name} in the gallery`}>
          <Picture image={image} />
        </a>
      ))}
      {images.length > 4 && <span className="dim">+{images.length - 4}</span>}
    </div>
  );
}

/** Small, as the gallery has it; the file itself where it has none. */
function Picture({ image }: { image: JobImage }) {
  const file = url(`images/${encodeURIComponent(image.id)}/file`);
  const [isBroken, setBroken] = useState(false);
  const small = image.sha256 && !isBroken ? url(`gallery/images/${image.sha256}/thumbnail`, { v: image.sha256 }) : file;
  return <img src={small} alt={image.name} draggable={false} onError={() => setBroken(true)} />;
}
