// The few pictures that no font is sure to have.

import { s } from "./dom.js";

const icon = (...paths) =>
  s(
    "svg",
    { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" },
    ...paths.map((d) => s("path", { d })),
  );

export const ICONS = {
  locked: () => icon("M4.5 7V5a3.5 3.5 0 0 1 7 0v2", "M3.5 7h9v6.5h-9z"),
  remove: () => icon("M4 4l8 8M12 4l-8 8"),
  auto: () => icon("M8 2.5a5.5 5.5 0 1 0 0 11z", "M8 2.5a5.5 5.5 0 0 1 0 11"),
  light: () =>
    icon(
      "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
      "M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
    ),
  dark: () => icon("M13 9.5A5.5 5.5 0 1 1 6.5 3 4.5 4.5 0 0 0 13 9.5z"),
  commands: () => icon("M3 4.5l3.5 3.5L3 11.5", "M8.5 12H13"),
};
