// The few lines that stand between this page and the DOM.

const SVG = "http://www.w3.org/2000/svg";

// h("p", {class: "a", "data-field": "price", onclick: f}, "text", node, null) makes an element;
// children that are null or undefined are left out.
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

// The same for SVG.
export function s(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else mark(node, name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// A button that is busy as long as its action takes.
export function busyButton(name, text, act) {
  const node = h("button", { type: "button", "data-action": name }, text);
  node.addEventListener("click", async () => {
    mark(node, "aria-busy", true);
    await act();
    mark(node, "aria-busy", false);
  });
  return node;
}

// Sets an attribute only where it changes; null and undefined take it away. In data-* and aria-*
// a truth is written out, elsewhere the attribute itself is the truth.
export function mark(node, name, value) {
  const text = textOf(name, value);
  if (text === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

function textOf(name, value) {
  if (value === null || value === undefined) return null;
  if (typeof value !== "boolean" || /^(data|aria)-/.test(name)) return String(value);
  return value ? "" : null;
}

// Sets the text only where it changes, so that selections and readers are left in peace.
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Puts these children in place of all others, unless they are there already.
export function fill(node, ...children) {
  const wanted = children.flat().filter((child) => child !== null && child !== undefined);
  const same =
    wanted.length === node.childNodes.length &&
    wanted.every((child, index) => child === node.childNodes[index]);
  if (!same) node.replaceChildren(...wanted);
}

export const find = (root, selector) => root.querySelector(selector);
export const field = (root, name) => root.querySelector(`[data-field="${name}"]`);

// Gives a function that calls `make` only when one of its arguments is another than last time.
export function onChange(make) {
  let last = null;
  return (...now) => {
    if (last && now.length === last.length && now.every((value, i) => value === last[i])) return;
    last = now;
    make(...now);
  };
}
