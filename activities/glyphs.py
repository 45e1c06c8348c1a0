"""A refusal to print where a font lacks a character.

Apart from what prints: whoever asks the press, and hears no, need not load the library that draws.
"""

from __future__ import annotations


class GlyphMissing(Exception):
    """No installed font has these characters; the document must not leave with holes."""

    def __init__(self, characters: str) -> None:
        super().__init__(
            f"字体缺字：{characters}。请安装含有这些字的字体（如 fonts-noto-cjk-extra）"
        )
        self.characters = characters


class FontsMissing(GlyphMissing):
    """There is no Chinese font on this machine."""

    def __init__(self, characters: str) -> None:
        super().__init__(characters)
        self.args = ("没有中文字体：请执行 apt-get install fonts-noto-cjk 后重试",)
