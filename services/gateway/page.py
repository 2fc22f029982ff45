"""The two pages that need no file: the verbs at /docs, and the form that asks for the token."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from services.gateway.parameters import parameters
from services.gateway.verb import Verb

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 0.9em ui-monospace, monospace; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.6rem; }
td { border-top: 1px solid color-mix(in srgb, currentcolor 20%, transparent); }
input, button { font: inherit; padding: 0.4rem 0.6rem; }
"""


def docs_page(verbs: Iterable[Verb]) -> str:
    """All verbs with their routes and arguments, as one page without scripts."""
    rows = "\n".join(_row(verb) for verb in verbs if verb.routes)
    return _page(
        "Tapedeck: HTTP",
        f"""<h1>Tapedeck: HTTP</h1>
<p>The same verbs are served on the control socket and by <code>./tapedeck</code>.
Errors are <code>{{"error": {{"code", "message", "remedy"}}}}</code>. Times are ISO-8601 in UTC.
For programs: <a href="/openapi.json">/openapi.json</a>.
Live events: WebSocket <code>/api/live</code>.
Also: <a href="/health/live">/health/live</a>, <a href="/metrics">/metrics</a>.</p>
<table><thead><tr><th>Request</th><th>Arguments</th><th>What it does</th></tr></thead>
<tbody>
{rows}
</tbody></table>""",
    )


def login_page() -> str:
    """The form for the token."""
    return _page(
        "Tapedeck",
        """<h1>Tapedeck</h1>
<p>This deck asks for its token (the setting <code>TAPEDECK_GATEWAY__TOKEN</code>).</p>
<form method="post" action="/api/login">
<label>Token
<input type="password" name="token" autocomplete="current-password" autofocus required></label>
<button>Open</button>
</form>""",
    )


def _row(verb: Verb) -> str:
    requests = "<br>".join(f"<code>{verb.method} {escape(route)}</code>" for route in verb.routes)
    arguments = "<br>".join(
        f"<code>{escape(parameter.name)}</code> {escape(parameter.words)}"
        for parameter in parameters(verb.arguments)
    )
    return (
        f"<tr><td>{requests}</td><td>{arguments or '&ndash;'}</td><td>{escape(verb.help)}</td></tr>"
    )


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{_STYLE}</style></head>
<body>
{body}
</body></html>
"""
