// Lists of the API, page by page.
import { useEffect, useRef, useState } from "../ui/html.js";
import * as api from "./api.js";

/** Entries that are asked for at first and with each "more", and in one request. */
export const PAGE = 100;
const MOST = 1000;

/**
 * A list, as far as it was asked for; `every` milliseconds it is asked for anew, as far as it is shown.
 * @template Item
 * @param {string} path @param {Record<string, string | number | null>} [query] @param {number} [every]
 * @returns {{ items: Item[] | null, more: boolean, trouble: string, reload: () => Promise<void>, next: () => Promise<void> }}
 */
export function useList(path, query = {}, every = 0) {
  const [state, setState] = useState({ items: /** @type {Item[] | null} */ (null), cursor: /** @type {string | null} */ (null), trouble: "" });
  const latest = useRef(state);
  latest.current = state;
  const turn = useRef(0);
  const asked = JSON.stringify([path, query]);

  /** @param {number} wanted entries */
  const load = async (wanted) => {
    turn.current += 1;
    const mine = turn.current;
    /** @type {Item[]} */
    let items = [];
    let cursor = /** @type {string | null} */ (null);
    try {
      do {
        const page = await api.get(path, { ...query, limit: Math.min(MOST, Math.max(PAGE, wanted - items.length)), cursor });
        if (mine !== turn.current) return;
        items = [...items, ...page.items];
        cursor = page.next;
      } while (cursor !== null && items.length < wanted);
      setState({ items, cursor, trouble: "" });
    } catch (error) {
      if (mine === turn.current) setState((was) => ({ ...was, trouble: error instanceof Error ? error.message : String(error) }));
    }
  };
  const shown = () => Math.max(PAGE, latest.current.items?.length ?? 0);

  useEffect(() => {
    void load(PAGE);
    const timer = every ? setInterval(() => document.visibilityState === "visible" && void load(shown()), every) : 0;
    return () => {
      turn.current += 1;
      clearInterval(timer);
    };
  }, [asked, every]);

  return {
    items: state.items,
    more: state.cursor !== null,
    trouble: state.trouble,
    reload: () => load(shown()),
    next: () => load(shown() + PAGE),
  };
}
