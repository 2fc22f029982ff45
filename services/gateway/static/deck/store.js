// Holds the state and redraws at most once a frame, however much arrives.

export function createStore(initial, draw) {
  let state = initial;
  let waiting = false;

  const redraw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw(state);
    });
  };

  return {
    get state() {
      return state;
    },
    // Applies a pure change: update(withEvents, message) puts withEvents(state, message).
    update(change, ...given) {
      const next = change(state, ...given);
      if (next === state) return;
      state = next;
      redraw();
    },
    redraw,
  };
}
