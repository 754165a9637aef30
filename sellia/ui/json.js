// JSON laid out for reading, token by token: numbers, duplicate names and order stay as they were. Pure.

/** @typedef {[kind: "" | "name" | "string" | "number" | "word" | "mark", text: string]} Token */

const TOKEN = /\s+|"(?:[^"\\\u0000-\u001f]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/y;
const NAME = /\s*:/y;

/** Levels of nesting that are indented. */
const DEEPEST = 200;

/**
 * Lines of tokens; null: this is no JSON.
 * @param {string} text
 * @returns {Token[][] | null}
 */
export function layOut(text) {
  /** @type {Token[][]} */
  const lines = [];
  /** @type {Token[]} */
  let line = [];
  const stack = /** @type {string[]} */ ([]);
  let at = 0;
  let values = 0;
  const newline = () => {
    lines.push(line);
    line = [["", "  ".repeat(Math.min(stack.length, DEEPEST))]];
  };
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text)?.[0];
    if (found === undefined) return null;
    at += found.length;
    const first = found[0] ?? "";
    if (/\s/.test(first)) continue;
    if (first === "{" || first === "[") {
      line.push(["mark", first]);
      const close = first === "{" ? "}" : "]";
      const ahead = /\s*(.)/y;
      ahead.lastIndex = at;
      const next = ahead.exec(text);
      if (next?.[1] === close) {
        line.push(["mark", close]);
        at = ahead.lastIndex;
      } else {
        stack.push(close);
        newline();
      }
    } else if (first === "}" || first === "]") {
      if (stack.pop() !== first) return null;
      newline();
      line.push(["mark", first]);
    } else if (first === ",") {
      if (!stack.length) return null;
      line.push(["mark", ","]);
      newline();
    } else if (first === ":") line.push(["mark", ": "]);
    else if (first === '"') {
      NAME.lastIndex = at;
      line.push([stack.at(-1) === "}" && NAME.test(text) ? "name" : "string", found]);
    } else line.push([/[-\d]/.test(first) ? "number" : "word", found]);
    if (!stack.length && !/[,:]/.test(first)) values += 1;
  }
  if (stack.length || values !== 1) return null;
  lines.push(line);
  return lines;
}
