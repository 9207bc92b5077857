// What the gallery shows now: the listing of the query, its count, what came meanwhile.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { ApiError, get } from "../api";
import { early } from "./early";
import { live } from "./live";
import { Listing } from "./listing";
import { shapeOf } from "./shape";

interface Count {
  total: number;
  revision: number;
}

/** `isStill`: whether a new image may come in at the front now without anything moving that someone is at. */
export function useListing(query: string, isStill: { readonly current: () => boolean }) {
  const client = useQueryClient();
  const [round, setRound] = useState(0);
  const [fresh, setFresh] = useState(0);
  const [shape, setShape] = useState(2 / 3);
  const [error, setError] = useState<ApiError | null>(null);
  const isAway = useRef(false);
  const before = useRef<Listing | null>(null);

  const count = useQuery({
    queryKey: ["count", query],
    queryFn: ({ signal }) => early<Count>("gallery/count", query) ?? get<Count>("gallery/count", { q: query }, signal),
    staleTime: 0,
    gcTime: 60_000,
    refetchInterval: ({ state }) => (state.error instanceof ApiError && state.error.isOffline ? 3000 : false),
  });

  const listing = useMemo(() => {
    let isFirst = true;
    return new Listing(
      query,
      client,
      (page) => {
        live.begin(page.revision);
        setError(null);
        if (isFirst) setShape(shapeOf(page.images));
        isFirst = false;
      },
      (reason) => setError(reason instanceof ApiError ? reason : null),
      before.current,
    );
    // A new round is a new listing: what is there is asked anew.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [query, client, round]);
  useEffect(() => {
    before.current = listing;
    return () => listing.close();
  }, [listing]);

  // The first page is asked for beside the count, not after it.
  const total = count.data?.total;
  useEffect(() => {
    if (total === undefined) listing.setLength(Math.max(listing.length, 1));
    else if (!isAway.current || listing.length <= 1) listing.setLength(total);
    listing.need(0, 0);
  }, [listing, total]);

  const refresh = useCallback(() => {
    setFresh(0);
    setRound((now) => now + 1);
    void client.invalidateQueries({ queryKey: ["count"] });
    void client.invalidateQueries({ queryKey: ["facets"] });
  }, [client]);

  const counted = useRef(0);
  counted.current = total ?? 0;
  useEffect(() => {
    const came = async () => {
      if (!isAway.current && isStill.current()) return refresh();
      // Nothing moves under the eyes, or between a look and a key; how many of the new ones this query finds is told.
      const now = await client.fetchQuery({
        queryKey: ["count now", query],
        queryFn: () => get<{ total: number }>("gallery/count", { q: query }),
        staleTime: 0,
      });
      const more = Math.max(0, now.total - counted.current);
      setFresh((before) => {
        listing.moved(Math.max(0, more - before));
        return more;
      });
    };
    const tell = () => void came().catch(() => {});
    live.onNew.add(tell);
    return () => void live.onNew.delete(tell);
  }, [client, listing, query, refresh, isStill]);
  useEffect(() => setFresh(0), [query]);

  // Back from a time without the server: what failed to load is asked again.
  useEffect(() => {
    const back = () => {
      setError(null);
      void count.refetch();
      refresh();
    };
    if (!error?.isOffline && !count.error) return;
    live.onBack.add(back);
    return () => void live.onBack.delete(back);
  }, [error, count, refresh]);

  const problem = (count.error as ApiError | null) ?? error;
  return {
    listing,
    total,
    shape,
    fresh,
    refresh,
    problem,
    setAway: useCallback((away: boolean) => void (isAway.current = away), []),
    idsOf: useCallback((first: number, last: number) => listing.ids(first, last), [listing]),
  };
}
