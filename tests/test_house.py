"""The house rules that no linter knows: purity, first sentences, and what the tree may not hold."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import config

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bus", "market", "services", "config")
CODE = (*PACKAGES, "tests", "bench", "examples")

# Calls that a pure function may not make though the import contract lets their module in:
# datetime is the type of an instant, and numpy brings randomness along.
IMPURE_CALLS = {
    "now",
    "utcnow",
    "today",
    "fromtimestamp_now",
    "urandom",
    "getenv",
    "uuid4",
    "uuid1",
}
IMPURE_NAMES = {"random", "environ", "default_rng"}
IMPURE_BUILTINS = {"open", "print", "input", "__import__", "exec", "eval"}


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def pure_modules() -> list[Path]:
    cores = [path for path in modules("services") if "core" in path.relative_to(ROOT).parts]
    return [*modules("market"), ROOT / "bus" / "actor.py", *cores]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def impurities(module: ast.Module) -> Iterator[str]:
    """Tell the line and the words of whatever asks the world instead of an argument."""
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in IMPURE_CALLS:
                yield f"{node.lineno}: .{name}()"
            case ast.Call(func=ast.Attribute(attr="astimezone"), args=[], keywords=[]):
                yield f"{node.lineno}: .astimezone() of this machine's zone"
            case ast.Attribute(attr=name) if name in IMPURE_NAMES:
                yield f"{node.lineno}: .{name}"
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_BUILTINS:
                yield f"{node.lineno}: {name}()"


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "date.today()",
        "instant.astimezone()",
        "np.random.normal()",
        "os.environ['HOME']",
        "open('tape')",
        "print('hello')",
    ],
)
def test_what_asks_the_world_is_seen(line: str) -> None:
    assert len(list(impurities(ast.parse(line)))) == 1


def test_what_asks_only_its_arguments_is_let_through() -> None:
    source = "datetime.fromtimestamp(at, UTC).astimezone(UTC)\nbars.open\nstate.now\nSystem(now=at)"

    assert list(impurities(ast.parse(source))) == []


def test_the_pure_core_asks_its_arguments_and_nothing_else() -> None:
    found = [f"{named(path)}:{said}" for path in pure_modules() for said in impurities(tree(path))]

    assert found == []


def test_package_roots_import_nothing_so_that_a_pure_part_loads_no_impure_one() -> None:
    importing = [
        package
        for package in PACKAGES
        for node in ast.walk(tree(ROOT / package / "__init__.py"))
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert importing == []


def test_every_module_begins_with_one_sentence_that_says_what_it_is() -> None:
    silent = [
        named(path)
        for path in modules(*CODE)
        if path.read_text(encoding="utf-8").strip()
        and not (ast.get_docstring(tree(path)) or "").split("\n")[0].endswith(".")
    ]

    assert silent == []


def test_every_package_of_the_product_says_what_it_is() -> None:
    empty = [
        named(path) for path in modules(*PACKAGES) if not path.read_text(encoding="utf-8").strip()
    ]

    assert empty == []


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in modules(*PACKAGES, "tests", "bench")}

    assert [named(f) for f in sorted(folders) if not (f / "__init__.py").exists()] == []


def test_our_config_is_the_one_that_is_imported() -> None:
    assert Path(config.__file__ or "").parent == ROOT / "config"


def test_no_test_sleeps() -> None:
    sleeping = [
        f"{named(path)}:{node.lineno}"
        for path in modules("tests")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}
    ]

    assert sleeping == []


def functions(*folders: str) -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in modules(*folders):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{named(path)}:{function.lineno} {function.name}"
        for path, function in functions(*CODE)
        if (function.end_lineno or 0) - function.lineno >= 70
    ]

    assert long == []


def test_every_test_asserts_something() -> None:
    claims = ("assert", "raises", "expect", "fail")
    idle = [
        f"{named(path)}:{function.lineno} {function.name}"
        for path, function in functions("tests")
        if function.name.startswith("test_")
        and not any(claim in ast.unparse(ast.Module(function.body, [])).lower() for claim in claims)
    ]

    assert idle == []


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The files that git keeps; without git nothing tells them from the user's own."""
    git = shutil.which("git")
    if not git:
        pytest.skip("git is not installed, so nothing tells which files are tracked")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout, so nothing tells which files are tracked")
    paths = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_tracked_file_is_larger_than_a_mebibyte(tracked: list[Path]) -> None:
    assert [named(path) for path in tracked if path.stat().st_size > 1 << 20] == []


def test_no_tracked_file_names_a_package_index(tracked: list[Path]) -> None:
    hosts = [
        ".".join(parts).encode()
        for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))
    ]

    assert [named(path) for path in tracked for host in hosts if host in path.read_bytes()] == []


def test_no_tracked_file_names_a_folder_of_this_machine(tracked: list[Path]) -> None:
    folders = [folder for folder in (ROOT, Path.home()) if len(folder.parts) > 1]
    places = [f"{folder}/".encode() for folder in folders]

    assert [named(path) for path in tracked for place in places if place in path.read_bytes()] == []


def test_no_secret_is_tracked(tracked: list[Path]) -> None:
    private = {ROOT / ".env", ROOT / "config" / "api_keys.json"}

    assert private.isdisjoint(tracked)
