// Writes dist/build.json: a hash over what the build is made of, so that a test can say, without Node, that dist is current.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const FILES = ["index.html", "package-lock.json", "tsconfig.json", "vite.config.ts"];

/** The paths below `folder`, relative to the project, sorted; tests are no part of what is built. */
function sources(root, folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1).replaceAll("\\", "/"));
}

/** tests/test_web_build.py computes the same. */
export function hashOfSources(root) {
  const hash = createHash("sha256");
  for (const path of [...FILES, ...sources(root, "src")].sort()) {
    hash.update(path + "\0");
    hash.update(readFileSync(join(root, path), "utf8").replaceAll("\r\n", "\n"));
    hash.update("\0");
  }
  return hash.digest("hex");
}

export function noteSources() {
  let root = "";
  let out = "";
  return {
    name: "note-sources",
    apply: "build",
    configResolved(config) {
      root = config.root;
      out = resolve(root, config.build.outDir);
    },
    closeBundle() {
      const note = { sources: hashOfSources(root) };
      writeFileSync(join(out, "build.json"), JSON.stringify(note, null, 2) + "\n");
    },
  };
}
