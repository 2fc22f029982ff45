"""The chart library: pinned by hash, from whichever tool brings it."""

from __future__ import annotations

import hashlib
import io
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import msgspec
import pytest

from config.settings import PROJECT_ROOT
from services.gateway.assets import Lock, Source, cached, chart_library, fetch, read_lock

LIBRARY = b"the chart library"
NPM = Source("npm", "charts@1", "package/charts.js")
PIP = Source("pip", "pycharts==1", "pycharts/charts.js")


def lock(*sources: Source) -> Lock:
    return Lock("charts", "1", hashlib.sha256(LIBRARY).hexdigest(), "MIT", sources)


def tarball(path: Path, member: str, data: bytes) -> Path:
    with tarfile.open(path, "w:gz") as package:
        info = tarfile.TarInfo(member)
        info.size = len(data)
        package.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH; its ``npm pack`` brings the package that lies beside it."""
    tool = tmp_path / "bin" / "npm"
    tool.parent.mkdir()
    tool.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, shutil, sys\n"
        "beside = list(pathlib.Path(__file__).parent.glob('package.*'))\n"
        "sys.exit(1) if sys.argv[1] != 'pack' or not beside else shutil.copy(beside[0], '.')\n"
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tool.parent))
    return tool.parent


def test_the_library_is_taken_from_the_package_that_npm_brings(npm: Path, tmp_path: Path) -> None:
    tarball(npm / "package.tgz", NPM.member, LIBRARY)
    target = tmp_path / "cache" / "charts.js"
    assert fetch(lock(NPM), target) == []
    assert target.read_bytes() == LIBRARY
    assert list(target.parent.iterdir()) == [target]


def test_other_bytes_are_refused_and_not_kept(npm: Path, tmp_path: Path) -> None:
    tarball(npm / "package.tgz", NPM.member, LIBRARY + b"!")
    target = tmp_path / "charts.js"
    assert fetch(lock(NPM), target) == [
        "charts@1: its file is not the one that assets.lock.json names"
    ]
    assert not target.exists()


@pytest.mark.parametrize("content", [None, b"no archive"])
def test_a_package_without_the_file_is_told_and_the_next_source_is_asked(
    npm: Path, tmp_path: Path, content: bytes | None
) -> None:
    if content is None:
        tarball(npm / "package.tgz", "package/other.js", LIBRARY)
    else:
        (npm / "package.tgz").write_bytes(content)
    reasons = fetch(lock(NPM, NPM), tmp_path / "charts.js")
    assert reasons == ["charts@1: the package holds no package/charts.js"] * 2


def test_a_tool_that_fails_or_is_missing_is_told(npm: Path, tmp_path: Path) -> None:
    assert fetch(lock(NPM), tmp_path / "charts.js") == ["charts@1: npm failed with 1"]
    (npm / "npm").unlink()
    assert fetch(lock(NPM), tmp_path / "charts.js") == ["charts@1: npm is not installed"]


def test_a_wheel_is_opened_too(npm: Path, tmp_path: Path) -> None:
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(NPM.member, LIBRARY)
    (npm / "package.whl").write_bytes(wheel.getvalue())
    assert fetch(lock(NPM), tmp_path / "charts.js") == []


def test_only_the_right_bytes_are_served(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    path = cached(read_lock(), environment)
    assert path.is_relative_to(tmp_path)
    assert chart_library(environment) is None
    path.parent.mkdir(parents=True)
    path.write_bytes(LIBRARY)
    assert chart_library(environment) is None


def test_without_a_cache_of_the_users_the_library_lies_beside_the_packages() -> None:
    assert cached(read_lock(), {}).is_relative_to(sys.prefix)


def test_the_lock_names_two_carriers_and_no_host() -> None:
    found = read_lock()
    assert {source.by for source in found.sources} == {"npm", "pip"}
    assert len(found.sha256) == 64
    assert b"://" not in msgspec.json.encode(found)


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--strict"], 1)])
def test_a_failure_is_one_sentence_and_stops_nothing_unless_it_is_strict(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    broken = tmp_path / "pip.conf"
    broken.write_text("[global]\nno-index = true\nindex-url = file:///nowhere\nfind-links =\n")
    done = subprocess.run(
        [sys.executable, "-m", "services.gateway.assets", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
        env={
            "XDG_CACHE_HOME": str(tmp_path),
            "PATH": str(tmp_path),
            "HOME": str(tmp_path),
            "PIP_CONFIG_FILE": str(broken),
            "PIP_NO_INDEX": "1",
        },
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert "make web" in done.stderr
