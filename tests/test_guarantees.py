"""Each promise of docs/guarantees.md names the tests that are marked with it: no more, no fewer."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "guarantees.md"
SHOWN = "Shown by:\n"


def marked() -> dict[str, list[str]]:
    """The lines of each promise: every marked test as a sentence, with the file it stands in."""
    lines: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        where = path.relative_to(ROOT).as_posix()
        for promise, name in _marked_in(module.body, _marks_of_module(module)):
            sentence = name.removeprefix("test_").replace("_", " ")
            lines[promise].append(f"- {sentence} ([{where}](../{where}))")
    return lines


def written(page: str, lines: dict[str, list[str]]) -> str:
    """The page with the lists as they ought to be."""
    head, *sections = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    return head + "".join(_with_list(section, lines) for section in sections)


def promises(page: str) -> list[str]:
    """The names of the promises, in the order of the page."""
    return re.findall(r"^## (\S+)$", page, flags=re.MULTILINE)


def _with_list(section: str, lines: dict[str, list[str]]) -> str:
    [promise] = promises(section)
    text = section.partition(SHOWN)[0].rstrip("\n")
    return "\n".join([text, "", SHOWN.rstrip("\n"), "", *lines[promise], "", ""])


def _marked_in(body: list[ast.stmt], outer: list[str]) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _marked_in(node.body, [*outer, *_marks(node.decorator_list)])
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for promise in dict.fromkeys([*outer, *_marks(node.decorator_list)]):
                yield promise, node.name
        elif isinstance(node, ast.Assign) and _is_state_machine(node):
            yield from ((promise, _name(node)) for promise in outer)


def _marks(decorators: list[ast.expr]) -> list[str]:
    return [
        argument.value
        for decorator in decorators
        if isinstance(decorator, ast.Call)
        and ast.unparse(decorator.func) == "pytest.mark.guarantee"
        for argument in decorator.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]


def _marks_of_module(module: ast.Module) -> list[str]:
    return [
        promise
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        for promise in _marks(node.value.elts if isinstance(node.value, ast.List) else [node.value])
    ]


def _is_state_machine(node: ast.Assign) -> bool:
    """Hypothesis gives a machine's test as ``TestMachine = Machine.TestCase``."""
    return isinstance(node.value, ast.Attribute) and node.value.attr == "TestCase"


def _name(node: ast.Assign) -> str:
    words = re.findall("[A-Z][a-z]+", ast.unparse(node.targets[0]).removeprefix("Test"))
    return "_".join(word.lower() for word in words)


def test_every_promise_names_its_tests_and_every_marked_test_a_promise() -> None:
    page, lines = PAGE.read_text(encoding="utf-8"), marked()
    assert [promise for promise in promises(page) if not lines[promise]] == []
    assert sorted(set(lines) - set(promises(page))) == []
    assert written(page, lines) == page, "run: python -m tests.test_guarantees"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), marked()), encoding="utf-8")
