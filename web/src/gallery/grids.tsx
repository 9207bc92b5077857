// Tests of LoRAs: each LoRA and strength with its image, the best score first.

import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { get, messageOf } from "../api";
import { hrefOf, useRoute } from "../route";
import type { Card, GridEntry, LoraGrid } from "../types";
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
          A test renders one prompt with each LoRA and strength, and scores the images: <code>orchestrator lora test</code>. Its results appear here.
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
  const images = data?.rows.flatMap((row) => row.image ?? []) ?? [];
  useEffect(() => cards.put(images));
  if (error) return <p className="error">{messageOf(error)}</p>;
  if (!data) return null;
  return (
    <section>
      <h2>{data.title}</h2>
      <ol className="test">
        {data.rows.map((row, at) => (
          <li key={at}>
            <Shown card={row.image} onOpen={() => row.image && open(images, images.indexOf(row.image))} />
            <div className="name">
              <b>{row.lora || "without a LoRA"}</b>
              {row.strength !== null && <span className="dim"> {row.strength}</span>}
              {row.score !== null && (
                <span className="score">
                  <span className="track" aria-hidden="true">
                    <i style={{ width: `${row.score * 100}%` }} />
                    {row.low !== null && row.high !== null && <b style={{ left: `${row.low * 100}%`, width: `${(row.high - row.low) * 100}%` }} />}
                  </span>
                  {Math.round(row.score * 100)}
                  {row.low !== null && row.high !== null && (
                    <span className="dim">
                      {" "}
                      {Math.round(row.low * 100)}–{Math.round(row.high * 100)}
                    </span>
                  )}
                </span>
              )}
            </div>
          </li>
        ))}
      </ol>
      {lightbox}
    </section>
  );
}

function Shown({ card, onOpen }: { card: Card | null; onOpen: () => void }) {
  if (!card) return <span className="shown dim">no image</span>;
  return (
    <button className="shown" onClick={onOpen} aria-label={`Open ${card.name}`}>
      {card.broken ? card.broken : <Thumbnail card={card} />}
    </button>
  );
}
