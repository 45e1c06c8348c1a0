"""bin/yichuang: from anywhere, once, and one line when it may not install."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from yichuang.settings import CHECKOUT, environment

LAUNCHER = CHECKOUT / "bin" / "yichuang"


def run(
    *words: str, cwd: Path, path: str | None = None, launcher: Path = LAUNCHER
) -> subprocess.CompletedProcess[str]:
    variables = environment() | ({"PATH": path} if path else {})
    return subprocess.run(
        [str(launcher), *words],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def bare_machine(tmp_path: Path) -> str:
    """A PATH with Python and the tools of every Debian, without apt, compiler and fontconfig."""
    folder = tmp_path / "bin"
    folder.mkdir()
    base = Path(os.path.realpath(CHECKOUT / ".venv" / "bin" / "python"))
    (folder / "python3").symlink_to(base)
    for tool in ("sh", "readlink", "dirname", "sha256sum", "cut", "cat", "id", "flock", "printf"):
        found = shutil.which(tool)
        assert found, tool
        (folder / tool).symlink_to(found)
    return str(folder)


def test_it_runs_from_any_folder(tmp_path: Path) -> None:
    assert run("--help", cwd=tmp_path).stdout.startswith("usage: yichuang")


def test_it_runs_through_a_link_in_a_folder_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "一 窗"
    folder.mkdir()
    link = folder / "yi chuang"
    link.symlink_to(LAUNCHER)
    assert run("--help", cwd=tmp_path, launcher=link).stdout.startswith("usage: yichuang")


def test_a_later_start_prepares_nothing(tmp_path: Path) -> None:
    run("prepare", cwd=tmp_path)
    again = run("prepare", cwd=tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, "已准备好。\n", "")


def test_an_unknown_command_ends_with_two(tmp_path: Path) -> None:
    assert run("nonsense", cwd=tmp_path).returncode == 2


def fresh_checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a check out"
    (root / "bin").mkdir(parents=True)
    shutil.copy(LAUNCHER, root / "bin")
    shutil.copy(CHECKOUT / "requirements.lock", root)
    return root / "bin" / "yichuang"


def test_without_apt_one_line_says_exactly_what_to_install(
    tmp_path: Path, bare_machine: str
) -> None:
    launcher = fresh_checkout(tmp_path)
    done = run("up", cwd=tmp_path, path=bare_machine, launcher=launcher)
    assert done.returncode == 2
    asked = [line for line in done.stderr.splitlines() if "apt-get install" in line]
    assert len(asked) == 1
    assert {"gcc", "fontconfig", "fonts-noto-cjk"} <= set(asked[0].split())
    assert not (launcher.parent.parent / ".venv").exists()


def test_without_a_fitting_python_one_line_says_so(tmp_path: Path, bare_machine: str) -> None:
    (Path(bare_machine) / "python3").unlink()
    done = run("up", cwd=tmp_path, path=bare_machine, launcher=fresh_checkout(tmp_path))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("缺少 Python 3.11–3.13：请执行 apt-get install")


def test_the_launcher_names_no_package_index() -> None:
    assert "://" not in LAUNCHER.read_text(encoding="utf-8")


def test_ci_runs_the_same_gates() -> None:
    assert "exec bin/yichuang check --long" in (CHECKOUT / ".ci" / "run").read_text()
