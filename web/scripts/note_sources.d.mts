import type { Plugin } from "vite";
export function hashOfSources(root: string): string;
export function noteSources(): Plugin;
