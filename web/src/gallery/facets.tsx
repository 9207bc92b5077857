// What the found images have in common, with counts; a click adds it to the query, or takes it away again.

import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { memo, useEffect, useState } from "react";
import { get } from "../api";
import type { Facets as FacetsAnswer, Named } from "../types";
import { live } from "./live";
import { hasTerm, replaceKey, term, toggleTerm, withoutSort } from "./query";

const GROUPS: [string, string][] = [
  ["model", "Model"],
  ["lora", "LoRA"],
  ["wildcard", "Wildcard"],
  ["profile", "Profile"],
  ["story", "Story"],
  ["tool", "Program"],
];
const FEW = 6;
const PAUSE = 800; // ms without another mark, after which is counted anew
const STARS = [5, 4, 3, 2, 1];

interface Props {
  query: string;
  onQuery: (query: string) => void;
  onClose: () => void;
}

export const Facets = memo(function Facets({ query, onQuery, onClose }: Props) {
  const asked = withoutSort(query);
  const { data } = useQuery({
    queryKey: ["facets", asked],
    queryFn: ({ signal }) => get<FacetsAnswer>("gallery/facets", { q: asked, most: 30 }, signal),
    placeholderData: keepPreviousData,
    retry: false,
  });
  const client = useQueryClient();
  useEffect(() => {
    let timer = 0;
    const countAgain = () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => void client.invalidateQueries({ queryKey: ["facets"] }), PAUSE);
    };
    live.onChange.add(countAgain);
    return () => {
      clearTimeout(timer);
      live.onChange.delete(countAgain);
    };
  }, [client]);
  const toggle = (one: string) => onQuery(toggleTerm(query, one));
  const marks = data?.marks ?? {};
  return (
    <aside className="facets" aria-label="Narrow the search">
      <button className="button quiet close" onClick={onClose}>
        Done
      </button>
      <section>
        <h3>Marks</h3>
        <Entry title="Favourites" count={marks.favourite} isOn={hasTerm(query, "favourite:yes")} onClick={() => toggle("favourite:yes")} />
        <Entry title="Rejected" count={marks.reject} isOn={hasTerm(query, "reject:yes")} onClick={() => toggle("reject:yes")} />
        <Entry title="Not rejected" isOn={hasTerm(query, "reject:no")} onClick={() => toggle("reject:no")} />
        <div className="stars" role="group" aria-label="Stars, at least">
          {STARS.map((stars) => {
            const one = `rating>=${stars}`;
            return (
              <button key={stars} className="entry" aria-pressed={hasTerm(query, one)} title={`${stars} stars or more`} onClick={() => onQuery(hasTerm(query, one) ? toggleTerm(query, one) : replaceKey(query, "rating", one))}>
                {stars}★
              </button>
            );
          })}
        </div>
        {(marks.broken ?? 0) > 0 && <Entry title="Cannot be shown" count={marks.broken} isOn={hasTerm(query, "broken:yes")} onClick={() => toggle("broken:yes")} />}
      </section>
      {GROUPS.map(([key, title]) => (
        <Group key={key} of={key} title={title} names={data?.names[key] ?? []} query={query} toggle={toggle} />
      ))}
    </aside>
  );
});

function Group({ of: key, title, names, query, toggle }: { of: string; title: string; names: Named[]; query: string; toggle: (one: string) => void }) {
  const [isWhole, setWhole] = useState(false);
  if (!names.length) return null;
  return (
    <section>
      <h3>{title}</h3>
      {names.slice(0, isWhole ? names.length : FEW).map(({ name, count }) => {
        const written = key === "wildcard" ? name.replace("#", "=") : name; // as a person writes it in a query
        return <Entry key={name} title={written} isValue={key === "wildcard"} count={count} isOn={hasTerm(query, term(key, written))} onClick={() => toggle(term(key, written))} />;
      })}
      {names.length > FEW && (
        <button className="entry more" onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Fewer" : `${names.length - FEW} more`}
        </button>
      )}
    </section>
  );
}

interface EntryProps {
  title: string;
  /** It is `wildcard=value`: the value is what one looks for. */
  isValue?: boolean;
  count?: number;
  isOn: boolean;
  onClick: () => void;
}

function Entry({ title, isValue = false, count, isOn, onClick }: EntryProps) {
  const [wildcard, value] = isValue ? title.split(/=(.*)/s) : [];
  return (
    <button className="entry" aria-pressed={isOn} onClick={onClick} title={title} data-count={count?.toLocaleString() ?? ""}>
      {value ? (
        <>
          {value} <small>{wildcard}</small>
        </>
      ) : (
        title
      )}
    </button>
  );
}
