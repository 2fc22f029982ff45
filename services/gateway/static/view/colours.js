// The style sheet's colours as the browser resolves them, for what is drawn and not styled.

const NAMES = [
  "ink",
  "soft",
  "line",
  "panel",
  "up",
  "down",
  "accent",
  "ema20",
  "ema50",
  "ema200",
  "turn",
];

export function colours() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const found = NAMES.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(found);
}

// rgb(1, 2, 3) with an opacity.
export const faded = (colour, opacity) =>
  colour.replace("rgb(", "rgba(").replace(")", `, ${opacity})`);
