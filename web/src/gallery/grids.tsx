// Tests of LoRAs: each LoRA and strength with its image, the best score first.

import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { get, messageOf } from "../api";
import { hrefOf, useRoute } from "../route";
import type { Card, GridCell, GridEntry, GridRow, LoraGrid } from "../types";
import { Thumbnail } from "./cell";
import { cards } from "./cards";
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
  const images = useMemo(() => data?.rows.flatMap(cellsOf).flatMap((cell) => cell.image ?? []) ?? [], [data]);
  useEffect(() => cards.put(images), [images]);
  if (error) return <p className="error">{messageOf(error)}</p>;
  if (!data) return null;
  return (
    <section>
      <h2>{data.title}</h2>
      <ol className="test">
        {data.rows.map((row) => (
          <li key={`${row.lora} ${row.strength}`}>
            <div className="name">
              <b>{row.lora || "No LoRA"}</b>
              {row.lora && <span className="dim"> at {row.strength}</span>}
              {row.score !== null && <Score {...row} score={row.score} />}
            </div>
            <div className="cells">
              {cellsOf(row).map((cell, at) => (
                <Shown key={at} cell={cell} about={data.axes.prompts[cell.prompt] ?? ""} onOpen={(card) => open(images, images.indexOf(card))} />
              ))}
            </div>
          </li>
        ))}
      </ol>
      {lightbox}
    </section>
  );
}

/** Where a test says only which image was best, that one. */
function cellsOf(row: GridRow): GridCell[] {
  return row.cells.length ? row.cells : [{ prompt: 0, seed: 0, image: row.image, score: row.score }];
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
