"""The registers of the demo city: invented people, companies and projects, a few of each.

The codes keep the form that a form asks for; that of Wang and Li are those of the demo's identity
provider. Nobody and nothing real is meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from yichuang.embedded.identity import PEOPLE

TABLES: Final[Mapping[str, Sequence[Mapping[str, str]]]] = MappingProxyType(
    {
        "enterprise": (
            {"uscc": "91990100MA0000001G", "name": "云川王记小馆（虚构）有限公司",
             "legal_representative": "王世敏", "address": "云川市北城区人民大道88号一层"},
            {"uscc": "91990100MA0000002K", "name": "云川诗民书店（虚构）有限公司",
             "legal_representative": "李诗民", "address": "云川市南城区学院路12号"},
            {"uscc": "91990100MA0000003N", "name": "云川营造（虚构）建设有限公司",
             "legal_representative": "赵一砖", "address": "云川市北城区工业园6号"},
        ),
        "population": tuple(
            {"id_number": str(one["id_number"]), "name": str(one["name"]), "address": address}
            for one, address in zip(
                PEOPLE,
                ("云川市北城区柳荫里3号楼502室（虚构）", "云川市南城区桂花巷17号（虚构）"),
                strict=True,
            )
        ),
        "project": (
            {"project_code": "2026-990100-83-01-000123", "name": "云溪小学教学楼（虚构）",
             "developer": "云川营造（虚构）建设有限公司", "uscc": "91990100MA0000003N",
             "address": "云川市北城区云溪路21号"},
        ),
    }
)  # fmt: skip
"""Code of a register → its rows."""
