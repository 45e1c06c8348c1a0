"""The designer's desk as fields of a form: labels, choices and help for every box of a sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from activities.wordings import WORDS
from catalogue import words as catalogue_words
from forms import words
from forms.designer_fields import FIELD_TYPES, PART_TYPES
from forms.designer_sheet import LIMITS, Sheet
from forms.fields import Field, Form, Kind, Option, Wrong
from forms.visit import Visit
from forms.words import N_

TYPE_WORDS: Final[Mapping[str, str]] = {
    "text": N_("一行文字"), "long": N_("多行文字"), "integer": N_("整数"), "number": N_("数"),
    "yes_no": N_("是否"), "date": N_("日期"), "moment": N_("时刻"), "choice": N_("单选"),
    "choices": N_("多选"), "lines": N_("逐行填写"), "group": N_("可重复的一组（每行填几项）"),
    "raw": N_("其他结构"),
}  # fmt: skip
LIMIT_WORDS: Final[Mapping[str, str]] = {
    "statutory": N_("法定办结时限"), "promised": N_("承诺办结时限"), "notice": N_("补正告知时限"),
    "delivery": N_("送达时限"),
}  # fmt: skip
TABLE_WORDS: Final[Mapping[str, str]] = {
    "fields": N_("表单字段"), "parts": N_("组内字段：可重复的一组每行填什么"),
    "conditions": N_("条件：视情况填写"), "materials": N_("申请材料"),
    "steps": N_("办理环节"),
}  # fmt: skip


@dataclass(frozen=True)
class BoxRow:
    """One row of a table of the desk."""

    table: str
    number: int
    name: str
    """What it is called: the field's title, the material's name."""
    fields: tuple[Field, ...]
    more: tuple[Field, ...]
    """What few rows need; open where something is written there."""


@dataclass(frozen=True)
class Desk:
    """Every box of a sheet, by where it stands."""

    basics: tuple[Field, ...]
    limits: tuple[Field, ...]
    tables: tuple[tuple[str, str, tuple[BoxRow, ...]], ...]
    """Table, its name in words, its rows."""
    texts: tuple[Field, ...]
    """Advice and the documents' own words."""
    others: tuple[Field, ...]

    def every(self) -> Iterator[Field]:
        yield from self.basics
        yield from self.limits
        for _, _, rows in self.tables:
            for row in rows:
                yield from (*row.fields, *row.more)
        yield from (*self.texts, *self.others)


def desk_of(
    visit: Visit, sheet: Sheet, departments: Mapping[str, str], faults: Mapping[str, str]
) -> tuple[Desk, Form]:
    """Return the boxes of a sheet, each with its fault, and the form with the summary of all."""
    boxes = _Boxes(visit, sheet, departments)
    desk = Desk(
        tuple(boxes.basics()), tuple(boxes.limits()), tuple(boxes.tables()), tuple(boxes.texts()),
        tuple(boxes.others()),
    )  # fmt: skip
    form = Form(tuple(desk.every())).with_errors(
        {name: told for name, told in faults.items() if not name.startswith("words")}
    )
    marked = {one.name: one for one in form.fields}

    def again(fields: tuple[Field, ...]) -> tuple[Field, ...]:
        return tuple(marked[one.name] for one in fields)

    told = faults.get("words")
    if told is not None:
        form = Form(form.fields, (*form.errors, Wrong(told, "h-texts")))
    return Desk(
        again(desk.basics),
        again(desk.limits),
        tuple(
            (table, name, tuple(
                BoxRow(row.table, row.number, row.name, again(row.fields), again(row.more))
                for row in rows
            ))
            for table, name, rows in desk.tables
        ),
        again(desk.texts),
        again(desk.others),
    ), form  # fmt: skip


class BoxMaker(Protocol):
    """How a row's box is made."""

    def __call__(
        self, column: str, label: str, kind: Kind = "text", *, required: bool = True,
        hint: str = "", options: tuple[Option, ...] = (), wide: bool = False, most: int = 200,
    ) -> Field: ...  # fmt: skip


RowMaker = Callable[[BoxMaker, Mapping[str, str]], tuple[list[Field], list[Field]]]
"""(how a box is made, the row) → its boxes, and those that few rows need."""


@dataclass(frozen=True)
class _Boxes:
    visit: Visit
    sheet: Sheet
    departments: Mapping[str, str]

    def _one(
        self, name: str, label: str, kind: Kind = "text", *, required: bool = True,
        hint: str = "", options: tuple[Option, ...] = (), wide: bool = False, most: int = 200,
    ) -> Field:  # fmt: skip
        say = self.visit.say
        return Field(
            name, say(label), kind, required=required, hint=say(hint) if hint else "",
            options=options, values=(self.sheet.one.get(name, ""),), wide=wide, max_length=most,
        )  # fmt: skip

    def _departments(self) -> tuple[Option, ...]:
        return tuple(Option(code, name) for code, name in self.departments.items())

    def _units(self) -> tuple[Option, ...]:
        say = self.visit.say
        return tuple(
            Option(code, say(words.word("unit", code)))
            for code in catalogue_words.WORDS["单位"].values()
        )

    def basics(self) -> Iterator[Field]:
        say, one = self.visit.say, self._one
        kinds = tuple(
            Option(code, say(words.word("case_kind", code)))
            for code in catalogue_words.WORDS["办件类型"].values()
        )
        applicants = tuple(
            Option(code, say(words.word("applicant", code)))
            for code in catalogue_words.WORDS["服务对象"].values()
        )
        yield one("code", N_("标识"), hint=N_("小写字母、数字和连字符；启用后不再改"), most=41)
        yield one("version", N_("版本"), hint=N_("年份加序号，如 2026.2"), most=12)
        yield one("name", N_("事项名称"))
        yield one("name_en", N_("事项英文名称"))
        yield one("department", N_("实施主体"), "select", options=self._departments())
        yield one("case_kind", N_("办件类型"), "select", options=kinds)
        yield one("since", N_("生效日期"), "date",
                  hint=N_("不早于签署之日；在此之前收的件沿用原版本"))  # fmt: skip
        yield one("until", N_("失效日期"), "date", required=False)
        yield one("basic_code", N_("基本编码"), most=40)
        yield one("implementing_code", N_("实施编码"), most=50)
        types = N_("GB/T 39046：01 许可、07 确认、20 公共服务……")
        yield one("type_code", N_("事项类型代码"), hint=types, most=2)
        yield one("level_code", N_("行使层级代码"), most=2)
        yield one("result", N_("结果名称"), required=False)
        yield one("window", N_("办理地点"), required=False)
        yield one("phone", N_("咨询电话"), required=False, most=40)
        yield Field("applicants", say(N_("服务对象")), "checks", options=applicants,
                    values=tuple(self.sheet.many.get("applicants", ())), wide=True)  # fmt: skip
        yield Field("basis", say(N_("设定依据")), "lines",
                    values=("\n".join(self.sheet.many.get("basis", ())),),
                    hint=say(N_("一行一条，写法条登记簿里的标识")), wide=True)  # fmt: skip

    def limits(self) -> Iterator[Field]:
        say = self.visit.say
        for box in LIMITS.values():
            group = say(LIMIT_WORDS[box])
            yield self._in(group, f"{box}.n", N_("时限"), most=6)
            yield self._in(group, f"{box}.unit", N_("单位"), "select", self._units())
            yield self._in(group, f"{box}.basis", N_("依据（法条标识）"), most=40)

    def _in(
        self, group: str, name: str, label: str, kind: Kind = "text",
        options: tuple[Option, ...] = (), most: int = 200,
    ) -> Field:  # fmt: skip
        return Field(
            name, self.visit.say(label), kind, options=options, group=group, max_length=most,
            values=(self.sheet.one.get(name, ""),),
        )  # fmt: skip

    def tables(self) -> Iterator[tuple[str, str, tuple[BoxRow, ...]]]:
        for table, name in TABLE_WORDS.items():
            rows = self.sheet.tables.get(table, [])
            yield (
                table,
                self.visit.say(name),
                tuple(self._row(table, n, row) for n, row in enumerate(rows)),
            )

    def _row(self, table: str, n: int, row: Mapping[str, str]) -> BoxRow:
        def box(
            column: str, label: str, kind: Kind = "text", *, required: bool = True,
            hint: str = "", options: tuple[Option, ...] = (), wide: bool = False, most: int = 200,
        ) -> Field:  # fmt: skip
            say = self.visit.say
            return Field(
                f"{table}.{n}.{column}", say(label), kind, required=required,
                hint=say(hint) if hint else "", options=options, wide=wide, max_length=most,
                values=(row.get(column, ""),),
            )  # fmt: skip

        makers: Mapping[str, RowMaker] = {
            "fields": self._field, "parts": self._part, "conditions": self._condition,
            "materials": self._material, "steps": self._step,
        }  # fmt: skip
        fields, more = makers[table](box, row)
        name = row.get("title") or row.get("name") or row.get("when") or ""
        if table == "parts" and name:
            name = f"{self._titles().get(row.get('group', ''), row.get('group', ''))} · {name}"
        return BoxRow(table, n, name, tuple(fields), tuple(more))

    def _titles(self, kind: str = "") -> dict[str, str]:
        """Return the form's fields, or those of one type, by key."""
        return {
            row["key"]: row.get("title") or row["key"]
            for row in self.sheet.tables.get("fields", [])
            if row.get("key") and kind in ("", row.get("type"))
        }

    def _keys(self, known: Mapping[str, str], chosen: str) -> tuple[Option, ...]:
        """Return fields to choose from. One that is there no longer stays to be seen: or a browser
        would choose another by itself."""
        gone = self.visit.say(N_("没有这个字段"))
        more = {chosen: gone} if chosen and chosen not in known else {}
        return tuple(Option(key, f"{title}（{key}）") for key, title in {**known, **more}.items())

    def _part(self, box: BoxMaker, row: Mapping[str, str]) -> tuple[list[Field], list[Field]]:
        groups = self._keys(self._titles("group"), row.get("group", ""))
        first, more = self._field(box, row, PART_TYPES)
        return [box("group", N_("属于哪一组"), "select", options=groups), *first], more

    def _field(
        self, box: BoxMaker, _row: Mapping[str, str], kinds: Sequence[str] = FIELD_TYPES
    ) -> tuple[list[Field], list[Field]]:
        types = tuple(Option(code, self.visit.say(TYPE_WORDS[code])) for code in kinds)
        return [
            box("key", N_("字段标识"), hint=N_("小写字母和下划线；一经启用不要改"), most=60),
            box("title", N_("名称")),
            box("en", N_("英文名称")),
            box("type", N_("类型"), "select", options=types),
            box("required", N_("必填"), "check", required=False),
            box("personal", N_("个人信息（遮盖显示）"), "check", required=False),
            box("low", N_("最少（字数、数值、项数）"), required=False, most=20),
            box("high", N_("最多（字数、数值、项数）"), required=False, most=20),
            box("choices", N_("选项"), "textarea", required=False, wide=True, most=4000,
                hint=N_("单选、多选才用；一行一个，可写“内容 | English”")),
        ], [
            box("hint", N_("填写说明"), required=False, most=500),
            box("unit", N_("计量单位"), required=False, most=20),
            box("pattern", N_("格式（正则表达式）"), required=False, most=300),
            box("extra", N_("其他限制（YAML，按 JSON Schema）"), "textarea", required=False,
                wide=True, most=8000),
        ]  # fmt: skip

    def _condition(self, box: BoxMaker, row: Mapping[str, str]) -> tuple[list[Field], list[Field]]:
        keys = self._keys(self._titles(), row.get("when", ""))
        return [
            box("when", N_("当字段"), "select", options=keys),
            box("equals", N_("等于（几个值用顿号隔开；是否类写“是”“否”）"), most=500),
            box("need", N_("就必须填写（字段标识，用顿号隔开）"), required=False, most=500),
            box("show", N_("就可以填写（字段标识，用顿号隔开）"), required=False, most=500),
            box("hide", N_("就不要填写（字段标识，用顿号隔开）"), required=False, most=500),
        ], []  # fmt: skip

    def _material(self, box: BoxMaker, _row: Mapping[str, str]) -> tuple[list[Field], list[Field]]:
        return [
            box("code", N_("材料编码"), most=60),
            box("name", N_("材料名称")),
            box("name_en", N_("材料英文名称"), required=False),
            box("issuer", N_("出具机构"), required=False),
            box("originals", N_("原件份数"), required=False, most=3),
            box("copies", N_("复印件份数"), required=False, most=3),
            box("required", N_("必备材料"), "check", required=False),
            box("tolerable", N_("可容缺"), "check", required=False),
        ], []  # fmt: skip

    def _step(self, box: BoxMaker, _row: Mapping[str, str]) -> tuple[list[Field], list[Field]]:
        say = self.visit.say
        signing = (
            Option("any", say(N_("或签（一人即可）"))),
            Option("all", say(N_("会签（人人同意）"))),
        )
        return [
            box("code", N_("环节编码"), most=60),
            box("name", N_("环节名称")),
            box("name_en", N_("环节英文名称"), required=False),
            box("department", N_("办理部门"), "select", options=self._departments()),
            box("n", N_("时限"), required=False, most=6),
            box("unit", N_("单位"), "select", required=False, options=self._units()),
            box("basis", N_("依据（法条标识）"), required=False, most=40),
            box("signing", N_("签署方式"), "select", options=signing),
            box("inspectors", N_("核查人数"), required=False, most=2),
            box("always", N_("必经（不勾：由规则决定）"), "check", required=False),
        ], []  # fmt: skip

    def texts(self) -> Iterator[Field]:
        say = self.visit.say
        yield self._one("advice", N_("办事提示"), "textarea", required=False, wide=True, most=4000,
                        hint=N_("显示在办事指南上，一行一段"))  # fmt: skip
        papers = tuple(
            Option(code, say(words.word("document", code)))
            for code in catalogue_words.DOCUMENTS.values()
        )
        hint = N_("每种文书可另写正文：一行一段，{{ 名称 }} 换成办件的内容，"
                  "{% if 名称 %}…{% endif %} 只在有内容时才印")  # fmt: skip
        yield Field("papers", say(N_("出具的文书")), "checks", options=papers, hint=say(hint),
                    values=tuple(self.sheet.many.get("papers", ())), wide=True)  # fmt: skip
        for kind in self.sheet.many.get("papers", ()):
            if kind in WORDS or self.sheet.words.get(kind):
                yield self._wording(kind)

    def _wording(self, kind: str) -> Field:
        say = self.visit.say
        known = WORDS.get(kind)  # type: ignore[call-overload]  # a posted kind may be anything
        hint = ""
        if known is not None:
            hint = say(N_("空着用统一文本。可用：{names}；必须写：{must}")).format(
                names="、".join(known.names), must="、".join(sorted(known.always))
            )
        label = say(N_("{paper}的正文")).format(paper=say(words.word("document", kind)))
        return Field(
            f"words.{kind}", label, "textarea", required=False, wide=True, max_length=5000,
            hint=hint, values=(self.sheet.words.get(kind, ""),),
        )  # fmt: skip

    def others(self) -> Iterator[Field]:
        say = self.visit.say
        yield Field("form_rest", say(N_("表单的其他部分（YAML，按 JSON Schema）")), "textarea",
                    required=False, wide=True, max_length=20_000,
                    values=(self.sheet.form_rest,))  # fmt: skip
        hint = N_("延长审批、特别程序、职责分离、容缺受理、收费、规则等，按要素名称写")
        yield Field("rest", say(N_("其余要素（YAML）")), "textarea", required=False, wide=True,
                    max_length=20_000, values=(self.sheet.rest,), hint=say(hint))  # fmt: skip


__all__ = ["BoxRow", "Desk", "desk_of"]
