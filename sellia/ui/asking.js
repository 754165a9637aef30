// Requests to the API behind a page. An error has the API's own sentence as its message.

/** What the API refuses, or cannot do. */
export class ApiError extends Error {
  /**
   * @param {number} status 0: nobody answered
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {RequestInit | undefined} options
 * @param {string} silence what is said where nobody answers
 * @param {(status: number, said: Record<string, any>) => string} refused is told of a refusal, with its problem details, and
 * returns what is said of it
 */
export async function ask(path, options, silence, refused) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", silence);
  }
  if (response.ok) return response;
  let said;
  try {
    said = await response.json();
  } catch {
    said = {};
  }
  throw new ApiError(response.status, said.error ?? "", refused(response.status, said));
}
