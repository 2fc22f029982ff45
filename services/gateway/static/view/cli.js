// Every action as a command to copy: the page never does what a terminal could not.

import { h } from "./dom.js";
import { ICONS } from "./icons.js";
import { toast } from "./toast.js";

let numbers = 0;

// A button that opens a list of commands, each copied by a click; `commands` gives them then.
export function cliMenu(label, commands) {
  const id = `commands-${(numbers += 1)}`;
  const list = h("div", {
    id,
    popover: "auto",
    class: "commands",
    role: "group",
    "aria-label": label,
  });
  const button = h(
    "button",
    {
      type: "button",
      class: "quiet cli",
      popovertarget: id,
      "aria-label": label,
      title: label,
      "data-action": "commands",
    },
    ICONS.commands(),
  );
  list.addEventListener("beforetoggle", ({ newState }) => {
    if (newState === "open") list.replaceChildren(heading(label), ...commands().map(line));
  });
  list.addEventListener("toggle", ({ newState }) => {
    if (newState === "open") place(list, button);
  });
  return h("span", { class: "cli-menu" }, button, list);
}

const heading = (label) => h("p", { class: "label" }, label);

const line = (command) =>
  h(
    "button",
    {
      type: "button",
      class: "command",
      title: "Copy",
      "data-command": command,
      onclick: ({ currentTarget }) => copy(command, currentTarget),
    },
    h("code", {}, command),
    h("span", { class: "label", "aria-hidden": "true" }, "copy"),
  );

async function copy(command, button) {
  try {
    await navigator.clipboard.writeText(command);
  } catch {
    getSelection().selectAllChildren(button.querySelector("code"));
    toast(
      "This browser does not let the page copy here: the command is selected, copy it by hand.",
    );
    return;
  }
  button.closest("[popover]").hidePopover();
  toast(`Copied: ${command}`);
}

// Under its button, inside the window.
function place(list, button) {
  const at = button.getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.right - width, innerWidth - width - 8));
  const below = at.bottom + 6 + height < innerHeight;
  list.style.left = `${left}px`;
  list.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - height - 6)}px`;
}
