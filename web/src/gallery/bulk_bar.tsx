// What can be done with the chosen images.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { get, messageOf, post } from "../api";
import { complain, say } from "../toasts";
import type { Place, Posted } from "../types";
import { queueAgain } from "./actions";
import { mark, toggle, undo } from "./marks";

interface Props {
  ids: number[];
  onClear: () => void;
  onCompare: () => void;
}

export function BulkBar({ ids, onClear, onCompare }: Props) {
  const places = useQuery({ queryKey: ["outside"], queryFn: ({ signal }) => get<{ places: Place[] }>("gallery/outside", {}, signal), retry: false });
  const [isBusy, setBusy] = useState(false);

  async function busy(work: () => Promise<void>) {
    setBusy(true);
    await work().catch((reason: unknown) => complain(messageOf(reason)));
    setBusy(false);
  }

  async function postTo(name: string) {
    let posted = 0;
    let before = 0;
    const failed: Posted["failed"] = [];
    for (let at = 0; at < ids.length; at += 100) {
      const answer = await post<Posted>(`gallery/outside/${encodeURIComponent(name)}`, { images: ids.slice(at, at + 100) });
      posted += answer.posted.length;
      before += answer.before.length;
      failed.push(...answer.failed);
    }
    if (posted || before) say(`${posted} posted to ${name}${before ? `, ${before} ${before === 1 ? "was" : "were"} there already` : ""}.`);
    if (failed.length) complain(`${failed.length} not posted: ${failed[0]!.message}`);
  }

  return (
    <div className="bulk panel" role="toolbar" aria-label="Chosen images">
      <span className="chosen">{ids.length.toLocaleString()} chosen</span>
      <Stars onRate={(rating) => mark(ids, { rating })} />
      <button className="button quiet icon heart" aria-label="Favourite (F)" title="Favourite (F)" onClick={() => toggle(ids, "favourite")}>
        ♥
      </button>
      <button className="button quiet icon" aria-label="Reject (X)" title="Reject (X)" onClick={() => toggle(ids, "reject")}>
        ⊘
      </button>
      <button className="button quiet" onClick={() => void undo()} title="Undo (U)">
        Undo
      </button>
      <span className="rule" />
      <button className="button quiet" disabled={ids.length < 2 || ids.length > 4} onClick={onCompare} title="Compare 2 to 4 (C)">
        Compare
      </button>
      <button className="button quiet" disabled={isBusy || ids.length > 100} onClick={() => void busy(() => queueAgain(ids))}>
        Run again
      </button>
      {places.data?.places.map(({ name, url }) => (
        <button key={name} className="button quiet" disabled={isBusy} title={url} onClick={() => void busy(() => postTo(name))}>
          Post to {name}
        </button>
      ))}
      <span className="rule" />
      <button className="button quiet" onClick={onClear} title="Choose none (Esc)">
        Done
      </button>
    </div>
  );
}

export function Stars({ rating = 0, onRate }: { rating?: number; onRate: (rating: number) => void }) {
  return (
    <span className="rate" role="group" aria-label="Stars">
      {[1, 2, 3, 4, 5].map((stars) => (
        <button key={stars} className="button quiet" data-on={stars <= rating || undefined} aria-pressed={stars === rating} aria-label={stars === 1 ? "1 star" : `${stars} stars`} title={`${stars} (key ${stars}; 0 clears)`} onClick={() => onRate(stars === rating ? 0 : stars)}>
          {stars <= rating ? "★" : "☆"}
        </button>
      ))}
    </span>
  );
}
