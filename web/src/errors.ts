// An answer of the API that is an error.

export class ApiError extends Error {
  constructor(
    /** The HTTP status; 0 where no answer came. */
    readonly status: number,
    /** For programs: "invalid", "not_found", "stale_marks", "offline"… */
    readonly code: string,
    message: string,
    /** The field that is meant, e.g. "pipeline.2.options.steps"; empty where none is. */
    readonly where = "",
    /** The whole answer, for codes that carry more (stale_marks). */
    readonly body: unknown = null,
  ) {
    super(message);
    this.name = "ApiError";
  }

  get isOffline(): boolean {
    return this.status === 0;
  }
}

export const messageOf = (reason: unknown): string => (reason instanceof Error ? reason.message : String(reason));
