"""The city: its name and its departments, with the bodies that hear complaints against them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: the 31 characters of a 统一社会信用代码 (no I, O, S, V, Z)."""

USCC_PATTERN = r"^[0-9A-HJ-NP-RTUWXY]{2}[0-9]{6}[0-9A-HJ-NP-RTUWXY]{10}$"
"""GB 32100-2015: registrar, kind, six digits of area, nine of body, one check character."""

RESIDENT_ID_PATTERN = (
    r"^[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]$"
)
"""GB 11643-1999: area, birth date, sequence, check character."""


def uscc_check(first17: str) -> str:
    """Return the check character of a 统一社会信用代码 (GB 32100-2015, modulus 31, weights 3^i)."""
    total = sum(USCC_ALPHABET.index(char) * pow(3, i, 31) for i, char in enumerate(first17))
    return USCC_ALPHABET[-total % 31]


def is_uscc(code: str) -> bool:
    """Tell whether the 18 characters are a 统一社会信用代码, check character included."""
    if len(code) != 18 or any(char not in USCC_ALPHABET for char in code):
        return False
    return uscc_check(code[:17]) == code[17]


def resident_id_check(first17: str) -> str:
    """Return the check character of a 居民身份证号码 (GB 11643-1999, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * pow(2, 17 - i, 11) for i, digit in enumerate(first17))
    return "10X98765432"[total % 11]


def is_resident_id(number: str) -> bool:
    """Tell whether the 18 characters are a 居民身份证号码, check character included."""
    if len(number) != 18 or not (number[:17].isascii() and number[:17].isdigit()):
        return False
    return resident_id_check(number[:17]) == number[17]


class Department(BaseModel):
    """An organ, an inner office of one, or a window."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    code: str = Field(alias="标识", pattern=r"^[a-z][a-z0-9-]{0,20}$")
    name: str = Field(alias="名称")
    name_en: str = Field(alias="英文名称")
    short: str = Field(alias="简称")
    """How worklists call it: 市市场监管局."""
    number_prefix: str = Field(alias="机关代字")
    """What its document numbers begin with: 云市监."""
    parent: str = Field(default="", alias="上级")
    """Code of the department above; empty: none in this catalogue."""
    kind: Literal[
        "government", "organ", "office", "window", "supervision", "discipline", "command",
        "evaluation", "enterprise", "street",
    ] = Field(default="organ", alias="性质")  # fmt: skip
    """`command` dispatches incidents, `evaluation` checks and evaluates them: never one body
    (CJ/T 315-2009: 监督中心 and 指挥中心 apart). `enterprise` owns parts of the city (属主)."""
    uscc: str = Field(default="", alias="统一社会信用代码")
    address: str = Field(default="", alias="地址")
    phone: str = Field(default="", alias="电话")
    review_body: str = Field(default="", alias="复议机关")
    """Name of the body that hears an application for administrative review against it."""
    court: str = Field(default="", alias="法院")
    """Name of the court with jurisdiction over suits against it."""


class Compartment(BaseModel):
    """知悉范围: a kind of information that only who is admitted to it may see."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    code: str = Field(alias="标识", pattern=r"^[a-z][a-z0-9-]{0,20}$")
    name: str = Field(alias="名称")
    name_en: str = Field(alias="英文名称")
    note: str = Field(default="", alias="说明")


class City(BaseModel):
    """The whole of catalogue/city.yaml."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    name: str = Field(alias="名称")
    name_en: str = Field(alias="英文名称")
    division_code: str = Field(alias="行政区划代码", pattern=r"^[0-9]{6}$")
    zone: str = Field(default="Asia/Shanghai", alias="时区")
    verify_address: str = Field(alias="核验网址")
    """Where a document's code can be checked; printed on every document."""
    implementing_code_pattern: str = Field(default=r"^[0-9A-Za-z]{1,50}$", alias="实施编码格式")
    """GB/T 39046 says up to 24 characters, the national platform uses 31 or 33."""
    departments: tuple[Department, ...] = Field(alias="部门", min_length=1)

    compartments: tuple[Compartment, ...] = Field(default=(), alias="知悉范围")
    """The closed list of what matters (敏感标记) and accounts may name."""

    def department(self, code: str) -> Department:
        """Return a department by its code. Raises `KeyError`."""
        for department in self.departments:
            if department.code == code:
                return department
        raise KeyError(code)
