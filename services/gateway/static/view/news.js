// The newest headlines of the selected ticker. A headline is a stranger's text: it is put as text,
// and only an address of the web becomes a link.

import { moment } from "../model/format.js";
import { h, mark, onChange, put } from "./dom.js";

export class News {
  constructor() {
    this.note = h("p", { class: "soft", "data-field": "news-note" });
    this.list = h("ul", { class: "headlines" });
    this.node = h(
      "section",
      { class: "card news", "data-card": "news", "aria-labelledby": "news-title" },
      h("div", { class: "head" }, h("h3", { id: "news-title" }, "Headlines"), this.note),
      this.list,
    );
    this.draw = onChange((headlines, minute) => {
      const now = minute * MINUTE_MS;
      this.list.replaceChildren(...headlines.map((told) => line(told, now)));
    });
  }

  show({ news, simulated }, now) {
    this.node.hidden = news === null;
    if (news === null) return;
    mark(this.node, "data-count", news.headlines.length);
    put(this.note, noteOf(news, simulated, now));
    this.draw(news.headlines, Math.floor(now / MINUTE_MS));
  }
}

const MINUTE_MS = 60_000;

function noteOf({ headlines, checked }, simulated, now) {
  const asked = checked ? `asked for ${moment(Date.parse(checked), now)}` : "not asked for yet";
  if (headlines.length) return asked;
  return simulated ? "none: simulated series have no headlines" : `none known, ${asked}`;
}

function line({ headline, publisher, url, published, source }, now) {
  const when = moment(Date.parse(published), now);
  const by = [publisher, when, `told by ${source}`].filter(Boolean).join(" · ");
  return h("li", {}, title(headline, url), h("small", { class: "soft" }, by));
}

// The page the link leads to learns neither where it was clicked nor whose window it is.
function title(headline, url) {
  if (!/^https?:\/\//i.test(url)) return h("span", {}, headline);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, headline);
}
