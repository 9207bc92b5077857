// Fails where the page grows beyond what it may weigh, in bytes of gzip: the JavaScript of the first load; the builder's
// chunk with its CSS. What the gallery loads behind its first view (lightbox, the other pages) is told.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const dist = join(import.meta.dirname, "..", "dist");
const page = readFileSync(join(dist, "index.html"), "utf8");
const parts = {
  "first load": { limit: 110_000, names: [] },
  builder: { limit: 120_000, names: [] },
  later: { limit: 20_000, names: [] },
};
for (const name of readdirSync(join(dist, "assets")).sort())
  if (/^builder-/.test(name)) parts.builder.names.push(name);
  else if (name.endsWith(".js")) parts[page.includes(name) ? "first load" : "later"].names.push(name);
let failed = false;
for (const [title, { names, limit }] of Object.entries(parts)) {
  const sizes = names.map((name) => gzipSync(readFileSync(join(dist, "assets", name)), { level: 9 }).length);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  console.log(`${title}: ${(bytes / 1000).toFixed(1)} kB gzip of ${limit / 1000} at most (${names.join(", ") || "nothing"})`);
  failed ||= bytes > limit;
}
process.exit(failed ? 1 : 0);
