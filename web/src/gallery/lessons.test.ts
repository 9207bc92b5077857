import { expect, test } from "vitest";
import { changeOf } from "./lessons";

test.each([
  [0.5, 0.5, "50 %", "50 %", "same"],
  [0.2, 0.3, "20 %", "30 %", "more"],
  [0.3, 0.2, "30 %", "20 %", "less"],
  [0.3334, 0.3301, "33 %", "33 %", "same"], // too little to be seen
  [0.0994, 0.104, "9.9 %", "10.4 %", "more"],
  [0.09996, 0.1003, "10.0 %", "10.0 %", "same"], // one is below a tenth, and both look alike
  [0.0301, 0.0304, "3.0 %", "3.0 %", "same"],
  [0.001, 0, "0.1 %", "0.0 %", "less"],
])("%d to %d", (before, after, was, is, way) => {
  expect(changeOf(before, after)).toEqual({ before: was, after: is, way });
});
