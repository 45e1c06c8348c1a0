"""The lines of docs/log.md that a stranger types, run as they stand there."""

import re
import shutil
from pathlib import Path

import pytest

from tests.outside.published import Published, another_root, run

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl program here")


def _lines() -> str:
    text = (ROOT / "docs" / "log.md").read_text("utf-8")
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", text, re.S)
    (found,) = [block for block in blocks if "openssl" in block]
    return found


def _typed(published: Published, folder: Path) -> tuple[int, str]:
    (folder / "roots.pem").write_text(published.certificates, "utf-8")
    keys = f"LOG='{published.log.vkey}'\nWITNESS='{published.witness.vkey}'\n"
    return run("bash", "-euc", keys + _lines(), cwd=folder)


def test_the_documented_lines_accept_the_export(published: Published, tmp_path: Path) -> None:
    shutil.copytree(published.folder, tmp_path / "out")
    code, said = _typed(published, tmp_path / "out")
    assert code == 0, said
    assert said.count("Signature Verified Successfully") == 2
    assert "Verification: OK" in said


def test_the_documented_lines_refuse_another_root(published: Published, tmp_path: Path) -> None:
    shutil.copytree(published.folder, tmp_path / "out")
    head = tmp_path / "out" / "checkpoint"
    head.write_text(another_root(published.note), "utf-8")
    code, said = _typed(published, tmp_path / "out")
    assert code != 0 and "Verified Successfully" not in said
