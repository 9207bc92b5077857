// Where renders can be sent from here; one question for all pages, which share what was answered.

import { useQuery } from "@tanstack/react-query";
import { get } from "./api";
import type { Target } from "./types";

/** Empty until it is known, and where the server does not say. */
export function useTargets(): Target[] {
  const { data } = useQuery({
    queryKey: ["targets"],
    queryFn: ({ signal }) => get<{ targets: Target[] }>("gallery/targets", {}, signal),
    retry: false,
    staleTime: 15_000,
  });
  return data?.targets ?? [];
}
