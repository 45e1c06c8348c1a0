"""更正重发、补发, and the second service, as forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from cases.approval.reissuing import CORRECTABLE, item_named
from cases.views import DocumentView
from forms.act_decision import serve
from forms.act_fields import OPINION, sentence_field
from forms.act_scene import Scene
from forms.fields import Field, Option, Posted
from forms.words import N_, Say, word

TEXT: Final = "texts."
"""What the name of a corrected text's field begins with."""

GROUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {"correction": N_("错误更正"), "loss": N_("遗失补发")}
)

_TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "conditions": N_("附加条件"),
        "reasons": N_("理由"),
        "reason": N_("理由"),
        "ground": N_("理由"),
        "apply_to": N_("应当向何处申请"),
        "hearing_record": N_("听证笔录的采纳情况"),
        "interest": N_("重大利益关系"),
        "place": N_("听证地点"),
        "announcement": N_("公告的地方"),
    }
)
"""Name of a text in the body that issued it → what clerks call it."""


def reissue(scene: Scene) -> Sequence[Field]:
    say = scene.say
    valid = [d for d in scene.view.documents if not d.void and d.kind in CORRECTABLE]
    options = tuple(Option(d.id, named(d, say)) for d in reversed(valid))
    grounds = tuple(Option(code, say(label)) for code, label in GROUNDS.items())
    return (
        Field(
            "document",
            say(N_("要重新出具的文书")),
            "select",
            options=options,
            hint="" if options else say(N_("还没有出具好的文书可以更正或者补发；出具好以后再来。")),
        ),
        Field("ground", say(N_("事由")), "radios", options=grounds),
        sentence_field("reason", say(N_("情况说明")), hint=say(N_("错在哪里，或者何时何处遗失。"))),
        *_corrected(valid, say),
        *_items(scene, valid),
    )


def _items(scene: Scene, valid: Sequence[DocumentView]) -> list[Field]:
    """One field for each item of the notice that stands: their wording alone may be corrected."""
    if all(one.kind != "supplement_notice" for one in valid):
        return []
    say = scene.say
    return [
        Field(
            f"{TEXT}{item_named(n)}",
            say(N_("补正告知书第 {n} 项更正为")).format(n=n),
            "textarea",
            required=False,
            hint=say(
                N_(
                    "现为：{text}。只改文字差错，不得增加或者换成别的要求：需要补正的内容只能一次性告知"
                    "（行政许可法第三十二条）。填写全文；不填即不变。"
                )
            ).format(text=_item_text(one)),
            max_length=OPINION,
            wide=True,
            personal=True,
        )
        for n, one in enumerate(scene.view.notice, 1)
    ]


def _item_text(item: Mapping[str, Any]) -> str:
    why = item.get("why")
    return f"{item.get('what', '')}（{why}）" if why else str(item.get("what", ""))


def _corrected(valid: Sequence[DocumentView], say: Say) -> list[Field]:
    kinds: dict[str, list[str]] = {}
    for document in valid:
        for name in next((texts for kind, texts in CORRECTABLE.items() if kind == document.kind)):
            title = say(word("document", document.kind))
            if title not in kinds.setdefault(name, []):
                kinds[name].append(title)
    return [
        Field(
            f"{TEXT}{name}",
            say(N_("更正为：{text}")).format(text=say(_TEXTS[name])),
            "textarea",
            required=False,
            hint=say(N_("错误更正时填写全文；不填即不变。用于{documents}。")).format(
                documents="、".join(titles)
            ),
            max_length=OPINION,
            wide=True,
            personal=True,
        )
        for name, titles in kinds.items()
    ]


def texts(scene: Scene, posted: Posted) -> dict[str, Any]:
    """Return the texts that were typed; what stays empty is not changed."""
    typed = {
        name.removeprefix(TEXT): found[0].strip()
        for name, found in posted.items()
        if name.startswith(TEXT) and found and found[0].strip()
    }
    return {"texts": typed} if typed else {}


def named(document: DocumentView, say: Say) -> str:
    """Return kind and number of a document, with its version where it was issued again."""
    title = f"{say(word('document', document.kind))} {document.number}"
    if document.version == 1:
        return title
    return f"{title} · {say(N_('第 {n} 版')).format(n=document.version)}"


def reissue_sentence(scene: Scene, body: Mapping[str, Any]) -> str:
    chosen = next((d for d in scene.view.documents if d.id == body.get("document")), None)
    if chosen is None:
        return scene.say(N_("重新出具文书，原文书作废"))
    return scene.say(N_("{number} 作废，重新出具第 {n} 版")).format(
        number=chosen.number, n=chosen.version + 1
    )


def serve_reissued(scene: Scene) -> Sequence[Field]:
    say = scene.say
    options = tuple(
        Option(str(d.seq), named(d, say)) for d in reversed(scene.view.documents) if d.waits
    )
    first = tuple(one.value for one in options[:1])
    which = Field("of_step", say(N_("送达的文书")), "select", options=options, values=first)
    return (which, *serve(scene))


def served_step(scene: Scene, posted: Posted) -> dict[str, Any]:
    """Return the step as a number, as the order has it."""
    text = next(iter(posted.get("of_step", ())), "")
    return {"of_step": int(text)} if text.isdecimal() and len(text) < 9 else {}
