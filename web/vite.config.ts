import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { noteSources } from "./scripts/note_sources.mjs";

// base "./": the page is served below whatever prefix the host has (/orchestrator/v1/app/, /api/orchestrator/v1/app/).
export default defineConfig({
  base: "./",
  plugins: [react(), noteSources()],
  build: {
    target: "es2022",
    sourcemap: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { "^/orchestrator/v1/(?!app/)": process.env.ORCHESTRATOR_URL ?? "http://127.0.0.1:7871" } },
});
