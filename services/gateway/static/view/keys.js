// The keyboard: j and k move through the watchlist, Enter opens, / goes to the field.

const ON_A_ROW = ["ArrowDown", "ArrowUp", "Enter"]; // elsewhere they are the browser's

export function listenToKeys({ order, link, onOpen, focusField }) {
  const actions = {
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Enter: (row) => onOpen(row),
    "/": focusField,
  };

  function step(by) {
    const tickers = order();
    if (!tickers.length) return;
    const at = tickers.indexOf(current());
    const next = at < 0 ? (by > 0 ? 0 : tickers.length - 1) : at + by;
    link(tickers[Math.max(0, Math.min(tickers.length - 1, next))])?.focus();
  }

  const current = () => document.activeElement?.closest("tr[data-ticker]")?.dataset.ticker ?? null;

  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      target.closest("input, textarea, select, dialog")
    )
      return;
    const row = target.closest("a.ticker")?.closest("tr")?.dataset.ticker ?? null;
    if (!(key in actions) || (ON_A_ROW.includes(key) && !row)) return;
    event.preventDefault();
    actions[key](row);
  });
}
