// Spaces calls out: the first runs at once, those that come too soon become one call later.

export const APART_MS = 500;

export function spaced(work, apartMs) {
  let last = -Infinity;
  let timer = null;
  const run = () => {
    timer = null;
    last = performance.now();
    return work();
  };
  return () => {
    if (timer !== null) return;
    const wait = last + apartMs - performance.now();
    if (wait <= 0) run();
    else timer = setTimeout(run, wait);
  };
}
