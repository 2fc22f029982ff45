"""Recorded answers of the real providers, where they are at hand, and the shape of JSON values."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def recorded(name: str) -> Any:
    """One recorded body as JSON values (a .txt as text); skips where the recordings are not."""
    return json.loads(recorded_text(name))


def recorded_text(name: str) -> str:
    folder = os.environ.get("TAPEDECK_SHARED_DATA")
    if not folder:
        pytest.skip("TAPEDECK_SHARED_DATA is not set: no recorded answers to compare with")
    return (Path(folder) / "recorded" / name).read_text()


def shape(value: Any) -> Any:
    """Keys and types of JSON values: a list has the shapes that its elements have."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        shapes: list[Any] = []
        for inner in map(shape, value):
            if inner not in shapes:
                shapes.append(inner)
        return shapes
    return type(value).__name__
