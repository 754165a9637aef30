// Icons, as paths on a grid of 16: drawn for this page, in the colour of the text around them.
import { html } from "./html.js";

const PATHS = {
  close: "M4 4l8 8M12 4l-8 8",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2v9.6l7.5-4.8z",
  replay: "M12.8 8a4.8 4.8 0 1 1-1.5-3.5M11.6 1.8v3h-3",
  edit: "M3 13l.6-2.8L10.7 3l2.3 2.3-7.2 7.1zM9.3 4.4l2.3 2.3",
  copy: "M5.5 5.5h7v7h-7zM3.5 10.5v-7h7",
  trash: "M3 4.5h10M6.5 4V2.8h3V4M4.5 4.5l.6 8.7h5.8l.6-8.7M6.8 7v3.8M9.2 7v3.8",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4M10.2 10.2l3 3",
  up: "M8 13V3.5M4 7l4-4 4 4",
  down: "M8 3v9.5M4 9l4 4 4-4",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  download: "M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13h10",
  upload: "M8 10.2V2.7M4.8 5.7L8 2.5l3.2 3.2M3 13h10",
  hand: "M4.5 8.5V4.6a1 1 0 0 1 2 0V3.2a1 1 0 0 1 2 0v1a1 1 0 0 1 2 0v1.6a1 1 0 0 1 2 0V10c0 2.2-1.6 3.7-3.8 3.7S5.6 12.6 4.6 11L2.8 8.4c.6-.7 1.2-.4 1.7.1",
  plus: "M8 3v10M3 8h10",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  moon: "M13 9.6A5.6 5.6 0 1 1 6.4 3a4.6 4.6 0 0 0 6.6 6.6",
  auto: "M8 2.2a5.8 5.8 0 1 0 0 11.6 5.8 5.8 0 0 0 0-11.6M8 2.2v11.6M8 5.5l4.8-1M8 8.5h5.6M8 11.5h4.4",
  help: "M8 2.2a5.8 5.8 0 1 0 0 11.6 5.8 5.8 0 0 0 0-11.6M6.3 6.4c.1-2.3 3.5-2.2 3.5 0 0 1.300-1.800 1.400-1.800 2.700M8 11.300h.01",
  shield: "M8 2l5 1.800v3.700c0 3-2 5.300-5 6.500-3-1.200-5-3.500-5-6.500V3.800z",
  send: "M2.500 3l11 5-11 5 1.800-5zM4.300 8h5",
  socket: "M2.500 6h9M9 3.500L11.500 6M13.500 10h-9M7 7.500L4.500 10 7 12.500",
  pin: "M6 2.500h4l-.500 4 2 2v1h-7v-1l2-2zM8 9.500V14",
  warn: "M8 2.500l6 10.500H2zM8 6.500v3M8 11.300h.01",
  link: "M6.800 9.200l2.400-2.400M7.500 4.800l1.600-1.600a2.600 2.600 0 0 1 3.700 3.700l-1.600 1.600M8.500 11.200l-1.600 1.600a2.600 2.600 0 0 1-3.700-3.700l1.600-1.600",
  test: "M6 2.500h4M6.700 2.500v4L3.500 12.300c-.300.600.100 1.200.700 1.200h7.600c.600 0 1-.600.700-1.200L9.300 6.500v-4M5.200 9.500h5.600",
  phone: "M5 2h6v12H5zM7.500 12h1",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{ name: IconName }} props */
export function Icon({ name }) {
  return html`<svg class="icon-svg" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" />
  </svg>`;
}
