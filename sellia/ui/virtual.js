// A list of any length, of which only the rows in sight are in the document. All rows have one height.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";

/** Rows above and below those in sight, so that scrolling shows no holes. */
const AROUND = 12;

/**
 * The first and last rows to draw.
 * @param {number} top pixels scrolled
 * @param {number} height pixels in sight
 * @param {number} row pixels of a row
 * @param {number} length of the list
 */
export function windowOf(top, height, row, length) {
  const first = Math.max(0, Math.floor(top / row) - AROUND);
  const end = Math.min(length, Math.ceil((top + height) / row) + 1 + AROUND);
  return { first: Math.min(first, length), end };
}

/**
 * `render(index)` makes a row, `keyOf(index)` names it. `control` is given `reveal(index)` and `scrollTo(index)`.
 * @param {{ length: number, row: number, keyOf: (index: number) => string | number, render: (index: number) => any,
 *   onScroll?: (top: number, atEnd: boolean) => void, control?: { current: VirtualControl | null }, atEnd?: boolean,
 *   attributes?: Record<string, unknown> }} props
 *
 * `atEnd`: stay at the end as the list grows.
 */
export function Virtual({ length, row, keyOf, render, onScroll, control, atEnd = false, attributes = {} }) {
  const root = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [place, setPlace] = useState({ top: 0, height: 800 });
  const frame = useRef(0);

  const look = () => {
    frame.current = 0;
    const element = root.current;
    if (!element) return;
    const { scrollTop: top, clientHeight: height, scrollHeight } = element;
    // Rows are drawn anew when others come into sight, not for every pixel.
    const begin = top - (top % row);
    setPlace((was) => (was.top === begin && was.height === height ? was : { top: begin, height }));
    onScroll?.(top, top + height >= scrollHeight - row);
  };
  const lookSoon = () => {
    frame.current ||= requestAnimationFrame(look);
  };

  useLayoutEffect(() => {
    const element = root.current;
    if (!element) return undefined;
    look();
    const observer = new ResizeObserver(lookSoon);
    observer.observe(element);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
    };
  }, []);

  useLayoutEffect(() => {
    const element = root.current;
    if (atEnd && element) element.scrollTop = element.scrollHeight;
  }, [length, atEnd]);

  useEffect(() => {
    if (!control) return;
    control.current = {
      reveal(index) {
        const element = root.current;
        if (!element || index < 0) return;
        const top = index * row;
        if (top < element.scrollTop) element.scrollTop = top;
        else if (top + row > element.scrollTop + element.clientHeight) element.scrollTop = top + row - element.clientHeight;
      },
      scrollTo(index) {
        if (root.current) root.current.scrollTop = index * row;
      },
      focus() {
        root.current?.focus();
      },
    };
  });

  const { first, end } = windowOf(place.top, place.height, row, length);
  const rows = [];
  for (let index = first; index < end; index += 1) {
    rows.push(html`<div key=${keyOf(index)} class="virtual-row" role="presentation"
      style=${{ transform: `translateY(${index * row}px)`, height: `${row}px` }}>${render(index)}</div>`);
  }
  return html`<div ref=${root} class="virtual" onScroll=${lookSoon} ...${attributes}>
    <div class="virtual-all" role="presentation" style=${{ height: `${length * row}px` }}>${rows}</div>
  </div>`;
}

/** @typedef {{ reveal: (index: number) => void, scrollTo: (index: number) => void, focus: () => void }} VirtualControl */
