// One line drawings of 16 × 16, for kinds of stages and for buttons.

const KINDS: Record<string, string> = {
  generatePrompt: "M3 3h10v10H3zM6 6h.01M10 6h.01M8 8h.01M6 10h.01M10 10h.01",
  followStory: "M8 4C6.5 3 4.5 2.8 2.5 3v9.5c2-.2 4 0 5.500 1 1.500-1 3.500-1.200 5.500-1V3c-2-.2-4 0-5.500 1zM8 4v9.500",
  llmEnhance: "M8 2l1.300 3.700L13 7 9.300 8.300 8 12 6.700 8.300 3 7l3.700-1.300zM13 11v3M11.500 12.500h3",
  selectLoras: "M8 2.500l6 3-6 3-6-3zM2 8.500l6 3 6-3M2 11.200l6 3 6-3",
  dispatch: "M2.500 3h11v10h-11zM2.500 11l3.500-3.500 2.500 2.500 2-2 3 3M10.800 5.800h.01",
  scoreImages: "M2.500 12a5.500 5.500 0 1 1 11 0M8 12l2.500-4M2.500 12h.01M13.500 12h.01",
};
const OTHERS: Record<string, string> = {
  undo: "M6 3L2.500 6.500 6 10M3 6.500h6a4 4 0 0 1 0 8H7",
  redo: "M10 3l3.500 3.500L10 10M13 6.500H7a4 4 0 0 0 0 8h2",
  tidy: "M5.500 2h5v3.500h-5zM2 10.500h5V14H2zM9 10.500h5V14H9zM8 5.500v2.500M4.500 10.500V8h7v2.500",
  fit: "M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  more: "M3.500 8h.01M8 8h.01M12.500 8h.01",
  play: "M5 3l8 5-8 5z",
  stop: "M4 4h8v8H4z",
  again: "M13 8a5 5 0 1 1-1.500-3.500L13 6M13 2.500V6H9.500",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
  bin: "M3 4.500h10M6.500 4.500v-2h3v2M4.500 4.500l.600 9h5.800l.600-9",
  warn: "M8 2.500l6 11H2zM8 7v3M8 12h.01",
  good: "M3 8.500l3.500 3.500L13 4.500",
  open: "M2 4h4.500l1.500 2H14v7H2z",
  down: "M4 6l4 4 4-4",
};

export function Icon({ name, size = 16 }: { name: string; size?: number }) {
  const path = KINDS[name] ?? OTHERS[name] ?? "M3 3h10v10H3z";
  return (
    <svg className="b-icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

const COLOURS: Record<string, string> = {
  generatePrompt: "wildcard",
  followStory: "memory",
  llmEnhance: "llm",
  selectLoras: "lora",
  dispatch: "profile",
  scoreImages: "variable",
};

/** The colour of a kind: that of the words which such a stage writes, as the gallery shows them. */
export const colourOf = (type: string): string => `var(--origin-${COLOURS[type] ?? "user"})`;
