// What a person can do here: each action is a verb of the deck, and says what came of it.

import { api } from "../deck/api.js";
import { toast } from "./toast.js";

export function createActions(overview) {
  // Carries a verb out; its sentence, or its refusal with the remedy, is shown.
  async function act(verb, undo = null) {
    try {
      const answer = await verb();
      toast(answer.message, { undo });
      overview.soon.collector();
      return answer;
    } catch (failure) {
      toast(failure.message, { remedy: failure.remedy, bad: true });
      return null;
    }
  }

  return {
    start: () => act(api.start),
    stop: () => act(api.stop, { label: "Start again", act: () => act(api.start) }),
    restart: () => act(api.restart),
    // Refusals of a new ticker are the asker's, who shows them beside the input.
    add: async (ticker) => {
      toast((await api.add(ticker)).message);
      overview.soon.collector();
    },
    remove: (ticker) =>
      act(() => api.remove(ticker), {
        label: `Track ${ticker} again`,
        act: () => act(() => api.add(ticker)),
      }),
    locked: (ticker) =>
      toast(lockedBecause(ticker), {
        remedy: "Any other ticker can be removed.",
        bad: true,
      }),
    fetch: (ticker) => act(() => api.fetch(ticker)),
    cancel: (job) => act(() => api.cancel(job)),
    replay: async ({ service, seq }) => {
      await act(() => api.replay(service, seq));
      overview.soon.letters();
    },
  };
}

export const lockedBecause = (ticker) =>
  `${ticker} is always tracked, since every decision is read against it.`;
