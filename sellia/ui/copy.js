// The clipboard, and files that are saved.
import { toast } from "./toast.js";

/**
 * Put text on the clipboard, and say so.
 * @param {string} text
 * @param {string} what it is, as "URL"
 */
export async function copy(text, what = "Text") {
  try {
    await write(text);
    toast(`${what} copied`);
  } catch (error) {
    toast(`The browser does not let this page copy: ${error instanceof Error ? error.message : error}`, "bad");
  }
}

/** @param {string} text */
async function write(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Pages on plain addresses of a network have no clipboard API.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "offscreen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("select the text and copy it by hand");
}

/**
 * Save data as a file.
 * @param {BlobPart} data
 * @param {string} name
 * @param {string} type
 */
export function save(data, name, type = "application/octet-stream") {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([data], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
