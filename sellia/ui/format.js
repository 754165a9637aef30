// Figures, times and texts as people read them. Pure.

/** @param {number | null | undefined} count of bytes */
export function bytes(count) {
  if (count == null) return "–";
  if (count < 1000) return `${count} B`;
  let value = count;
  for (const unit of ["kB", "MB", "GB", "TB"]) {
    value /= 1000;
    if (value < 999.5) return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
  }
  return `${Math.round(value)} TB`;
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  const value = Math.abs(seconds);
  if (value < 0.0000995) return `${Math.round(value * 1e6)} µs`;
  if (value < 0.00995) return `${(value * 1000).toFixed(1)} ms`;
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 59.5) return `${Math.round(value)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** @param {number} value */
function two(value) {
  return String(value).padStart(2, "0");
}

/**
 * The time of day, with milliseconds.
 * @param {number | null | undefined} seconds since 1970
 */
export function clock(seconds) {
  if (seconds == null) return "–";
  const date = new Date(seconds * 1000);
  const millis = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`;
}

/**
 * The time of day to the second.
 * @param {number | null | undefined} seconds since 1970
 */
export function time(seconds) {
  return clock(seconds).split(".")[0] ?? "–";
}

/**
 * Date and time, to be read in full.
 * @param {number | null | undefined} seconds since 1970
 */
export function date(seconds) {
  if (seconds == null) return "–";
  const value = new Date(seconds * 1000);
  return `${value.getFullYear()}-${two(value.getMonth() + 1)}-${two(value.getDate())} ${clock(seconds)}`;
}

/**
 * A number with its noun: `1 message`, `12,000 messages`.
 * @param {number} number
 * @param {string} noun
 */
export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

// Characters that hide, or turn the direction of what follows: shown as their code points.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/**
 * Text from outside with what cannot be seen made visible.
 * @param {unknown} text
 */
export function visible(text) {
  return String(text).replace(INVISIBLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 32 ? String.fromCharCode(0x2400 + code) : `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/**
 * One line of at most `limit` characters.
 * @param {unknown} text
 * @param {number} limit
 */
export function line(text, limit = 300) {
  const whole = String(text);
  const shown = visible(whole.slice(0, limit).replace(/[\r\n\t]+/g, " "));
  return whole.length > limit ? `${shown}…` : shown;
}
