import { expect, test } from "vitest";
import { hrefOf, parseRoute } from "./route";

test("an address is read as it was written", () => {
  const href = hrefOf("builder", ["a name/with ?"], { q: 'lora:"ink wash" a&b' });
  const { page, rest, params } = parseRoute(href);
  expect({ page, rest, q: params.get("q") }).toEqual({ page: "builder", rest: ["a name/with ?"], q: 'lora:"ink wash" a&b' });
});

test("nothing, and what is no address, is the gallery", () => {
  for (const hash of ["", "#", "#/", "#/?q=fox", "#/gallery", "#/%"]) expect(["", "%"]).toContain(parseRoute(hash).page);
});
