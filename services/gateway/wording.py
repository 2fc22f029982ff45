"""What is wrong with an argument, in people's words: the checker's own are for programmers."""

from __future__ import annotations

import re
from typing import Final

_KINDS: Final = {"int": "a whole number", "bool": "true or false", "str": "a text"}
_PATTERNS: Final = (
    (r"Object missing required field `(\w+)`", "{0} is missing"),
    (r"Object contains unknown field `(.*)`", "{0} is no argument here"),
    (r"Expected `int` >= (-?\d+) - at `\$\.(\w+)`", "{1} must be at least {0}"),
    (r"Expected `int` <= (-?\d+) - at `\$\.(\w+)`", "{1} must be at most {0}"),
    (r"Expected `str` of length >= 1 - at `\$\.(\w+)`", "{0} must not be empty"),
    (r"Expected `str` of length <= (\d+) - at `\$\.(\w+)`", "{1} has more than {0} characters"),
    (r"Invalid enum value (.*) - at `\$\.(\w+)`", "{1} cannot be {0}"),
    (r"(?:Integer value|Number) out of range - at `\$\.(\w+)`", "{0} is out of range"),
)
_WRONG_KIND = re.compile(r"Expected `(\w+)(?: \| null)?`, got `\w+` - at `\$\.(\w+)`")


def in_words(complaint: str) -> str:
    """The complaint of `msgspec.ValidationError` as a sentence; an unknown one as it is."""
    for pattern, sentence in _PATTERNS:
        if match := re.fullmatch(pattern, complaint, re.DOTALL):
            return sentence.format(*match.groups())
    wrong = _WRONG_KIND.fullmatch(complaint)
    if wrong and wrong[1] in _KINDS:
        return f"{wrong[2]} must be {_KINDS[wrong[1]]}"
    return complaint
