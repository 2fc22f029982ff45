// Values as people read them: prices, moves, ages, instants in the exchange's time.

export const DASH = "–";
const ZONE = "America/New_York";

const numbers = new Map();

function fixed(value, digits) {
  if (!numbers.has(digits)) {
    numbers.set(
      digits,
      new Intl.NumberFormat("en-US", {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
      }),
    );
  }
  return numbers.get(digits).format(value).replace("-", "−");
}

const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const known = (value) => value !== null && value !== undefined;
export const number = (value, digits = 0) => (known(value) ? fixed(value, digits) : DASH);
export const volume = (value) => (known(value) ? compact.format(value).replace("-", "−") : DASH);

// Cents, and hundredths of them below 1, as the deck prints prices everywhere.
export const price = (value) => (known(value) ? fixed(value, Math.abs(value) >= 1 ? 2 : 4) : DASH);
export const dollars = (value) => (known(value) ? `$${fixed(value, 2)}` : DASH);

export function signed(value, digits = 2) {
  if (!known(value)) return DASH;
  const text = fixed(Math.abs(value), digits);
  if (!/[1-9]/.test(text)) return text;
  return (value > 0 ? "+" : "−") + text;
}

export const percent = (value) => (known(value) ? `${signed(value)}%` : DASH);

// Direction in a sign that needs no colour.
export const arrow = (value) => (!known(value) || value === 0 ? "" : value > 0 ? "▲" : "▼");
export const side = (value) => (!known(value) || value === 0 ? "flat" : value > 0 ? "up" : "down");

const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
];

// An age or a wait: 12 s, 3 min, 5 h, 2 d, in the largest unit that it fills twice.
export function span(seconds) {
  if (!known(seconds)) return DASH;
  for (const [unit, size] of UNITS) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

const SIZES = [
  ["GB", 1e9],
  ["MB", 1e6],
  ["kB", 1e3],
];

// A size on disk: 4.2 MB.
export function bytes(count) {
  if (!known(count)) return DASH;
  const [unit, size] = SIZES.find(([, least]) => count >= least) ?? ["B", 1];
  return `${fixed(count / size, size === 1 ? 0 : 1)} ${unit}`;
}

const shapes = {
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  minute: { hour: "2-digit", minute: "2-digit" },
  day: { weekday: "short", day: "numeric", month: "short" },
  date: { day: "numeric", month: "short", year: "numeric" },
};
const formats = Object.fromEntries(
  Object.entries(shapes).map(([name, shape]) => [
    name,
    new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hourCycle: "h23", ...shape }),
  ]),
);

// Instants are epoch milliseconds; shown in the exchange's time.
export const clock = (at) => formats.clock.format(at);
export const minute = (at) => formats.minute.format(at);
export const day = (at) => formats.day.format(at);

// The instant with as much of its date as is needed to know it: 15:42 ET, Mon 23 Nov 09:30 ET.
export function moment(at, now) {
  if (!known(at)) return DASH;
  const near = formats.date.format(at) === formats.date.format(now);
  return near ? `${minute(at)} ET` : `${day(at)} ${minute(at)} ET`;
}

// A session's date is a label and no instant: 2026-11-20 is Fri 20 Nov 2026 in every zone.
const label = (shape) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...shape });
const labels = {
  whole: label({ weekday: "short", day: "numeric", month: "short", year: "numeric" }),
  short: label({ day: "numeric", month: "short" }),
  year: label({ year: "numeric" }),
  month: label({ month: "short" }),
  day: label({ day: "numeric" }),
};

export const sessionDate = (text) => (text ? labels.whole.format(Date.parse(text)) : DASH);

// When a bar begins, in full and short.
export const barTime = (at, timeframe) =>
  timeframe === "1d" ? labels.whole.format(at) : `${day(at)} ${minute(at)} ET`;
export const shortBarTime = (at, timeframe) =>
  timeframe === "1d" ? labels.short.format(at) : `${day(at).slice(4)} ${minute(at)}`;

// A mark on the axis of days: a year, a month or a day of the month.
export const monthOrDay = (at, kind) =>
  [labels.year, labels.month, labels.day][Math.min(kind, 2)].format(at);

export const instant = (text) => (text ? Date.parse(text) : null);

// SPY~sim is the simulated series of SPY.
const MARK = "~sim";
export const plain = (key) => (key.endsWith(MARK) ? key.slice(0, -MARK.length) : key);
// A ticker as the deck spells it: brk.b and BRK/B are BRK-B. What is none, the deck refuses.
export const canonical = (text) => text.trim().toUpperCase().replaceAll(/[./]/g, "-");

export const isSimulated = (key) => key.endsWith(MARK);

export const words = (name) => name.replaceAll("_", " ");
