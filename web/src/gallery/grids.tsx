// Tests of LoRAs: each LoRA and strength with its image, the best score first.

import { useQuery } from "@tanstack/react-query";
import { type CSSProperties, useEffect, useMemo } from "react";
import { get, messageOf } from "../api";
import { hrefOf, useRoute } from "../route";
import type { Card, GridCell, GridEntry, GridRow, LoraGrid } from "../types";
import { Thumbnail } from "./cell";
import { cards } from "./cards";
import { shapeOf } from "./shape";
import { useLightbox } from "./stories";

export function GridsView() {
  const { rest } = useRoute();
  const { data, error } = useQuery({ queryKey: ["grids"], queryFn: ({ signal }) => get<{ grids: GridEntry[] }>("gallery/grids", {}, signal), staleTime: 0 });
  const shown = rest[0] ?? data?.grids[0]?.id;
  return (
    <div className="page wide">
      <h1>LoRA tests</h1>
      {error && <p className="error">{messageOf(error)}</p>}
      {data?.grids.length === 0 && (
        <p className="dim">
          A test renders one prompt with each LoRA and strength, and scores the images: <code>orchestrator lora-test</code>. Its results appear here.
        </p>
      )}
      {data && data.grids.length > 1 && (
        <nav className="grids" aria-label="Tests">
          {data.grids.map(({ id, title, made_ms }) => (
            <a key={id} className="button quiet" aria-current={id === shown ? "page" : undefined} href={hrefOf("grids", [id])}>
              {title} <span className="dim">{new Date(made_ms).toLocaleDateString()}</span>
            </a>
          ))}
        </nav>
      )}
      {shown !== undefined && <One id={shown} />}
    </div>
  );
}

function One({ id }: { id: string }) {
  const { data, error } = useQuery({ queryKey: ["grid", id], queryFn: ({ signal }) => get<LoraGrid>(`gallery/grids/${encodeURIComponent(id)}`, {}, signal) });
  const [open, lightbox] = useLightbox();
  const images = useMemo(() => data?.rows.flatMap((row) => cellsOf(row, data)).flatMap((cell) => cell.image ?? []) ?? [], [data]);
  useEffect(() => cards.put(images), [images]);
  if (error) return <p className="error">{messageOf(error)}</p>;
  if (!data) return null;
  return (
    <section style={{ "--shape": shapeOf(images) } as CSSProperties}>
      <h2>{data.title}</h2>
      <About grid={data} />
      <ol className="test">
        {data.rows.map((row) => (
          <li key={`${row.lora} ${row.strength}`}>
            <div className="name">
              <b>{row.lora || "No LoRA"}</b>
              {row.lora && <span className="dim"> at {row.strength}</span>}
              {row.score !== null && <Score {...row} score={row.score} />}
            </div>
            <div className="cells">
              {cellsOf(row, data).map((cell, at) => (
                <Shown key={at} cell={cell} about={`${data.axes.prompts[cell.prompt] ?? ""}\nseed ${data.axes.seeds[cell.seed] ?? ""}`} onOpen={(card) => open(images, images.indexOf(card))} />
              ))}
            </div>
          </li>
        ))}
      </ol>
      {lightbox}
    </section>
  );
}

/** What all rows have in common, and how they are to be read. */
function About({ grid: { axes, rows } }: { grid: LoraGrid }) {
  const { prompts, seeds } = axes;
  const isScored = rows.some((row) => row.score !== null);
  return (
    <div className="about">
      {prompts.map((prompt) => (
        <p key={prompt}>{prompt}</p>
      ))}
      <p className="dim">
        {seeds.length === 1 ? "Seed" : "From left to right: seeds"} {seeds.join(", ")}
        {prompts.length > 1 && ", prompt by prompt"}. {isScored ? "The best mean score is first; the two marks say where it is, nine times in ten." : "Nothing is scored yet."}
      </p>
    </div>
  );
}

/** A cell for each prompt and seed, so that equal ones are below each other. Where a test says only which image was best,
 * that one. */
function cellsOf(row: GridRow, { axes }: LoraGrid): GridCell[] {
  if (!row.cells.length) return [{ prompt: 0, seed: 0, image: row.image, score: row.score }];
  const there = new Map(row.cells.map((cell) => [`${cell.prompt} ${cell.seed}`, cell]));
  return axes.prompts.flatMap((_, prompt) => axes.seeds.map((_, seed) => there.get(`${prompt} ${seed}`) ?? { prompt, seed, image: null, score: null }));
}

function Score({ score, low, high }: { score: number; low: number | null; high: number | null }) {
  const isSure = low !== null && high !== null;
  return (
    <span className="score">
      <span className="track" aria-hidden="true">
        <i style={{ width: `${score * 100}%` }} />
        {isSure && <b style={{ left: `${low * 100}%`, width: `${(high - low) * 100}%` }} />}
      </span>
      {Math.round(score * 100)}
      {isSure && (
        <span className="dim" title="Where the mean is, nine times in ten">
          {Math.round(low * 100)}–{Math.round(high * 100)}
        </span>
      )}
    </span>
  );
}

function Shown({ cell: { image, score }, about, onOpen }: { cell: GridCell; about: string; onOpen: (card: Card) => void }) {
  if (!image) return <span className="shown dim">no image</span>;
  return (
    <button className="shown" onClick={() => onOpen(image)} title={about} aria-label={`Open ${image.name}`} data-score={score === null ? undefined : Math.round(score * 100)}>
      {image.broken ? image.broken : <Thumbnail card={image} />}
    </button>
  );
}
