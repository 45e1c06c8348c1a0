"""The articles that the machine itself rests on; a matter's own stand in its limits.

行政许可法 = 中华人民共和国行政许可法 (2019 修正); 民事诉讼法 = 2023 修正.
"""

from collections.abc import Sequence
from types import MappingProxyType

NOT_REQUIRED = "行政许可法第三十二条第一款第（一）项"
NOT_COMPETENT = "行政许可法第三十二条第一款第（二）项"
CORRECT_ON_SPOT = "行政许可法第三十二条第一款第（三）项"
NOTICE = "行政许可法第三十二条第一款第（四）项"
ACCEPT = "行政许可法第三十二条第一款第（五）项"
INSPECTION = "行政许可法第三十四条第三款"
DECISION = "行政许可法第三十四条第二款"
REASONS = "行政许可法第三十八条第二款"
EXTENSION = "行政许可法第四十二条"
DELIVERY = "行政许可法第四十四条"
PROCEDURE = "行政许可法第四十五条"
HEARING_HOST = "行政许可法第四十八条第一款第（三）项"
ELECTRONIC_SERVICE = "民事诉讼法第九十条"
WORKING_DAYS = "XKF-82"
"""行政许可法第八十二条: why another calendar moves an instant (id in the law register)."""
RATING = "国务院办公厅关于建立政务服务“好差评”制度提高政务服务水平的意见"
SUPERVISION = "云川市政务服务电子监察办法（示例）第一条"
"""Cards: numbered, append-only, revoked by a second event with reasons, never for a paused case."""
CASE = "办件状态"
"""Basis of a *no* that follows from where the case stands, not from an article."""

HEARING_RIGHT = "XKF-47a"
"""五日内提出听证申请."""
HEARING_ORGANISED = "XKF-47b"
"""二十日内组织听证."""
HEARING_NOTICE = "XKF-48-1"
HEARING_RECORD = "XKF-48-end"
INSPECTORS = "XKF-55"
RENEWAL = "XKF-50"
WAITS = {"site_visit": "AY-37", "publicity": "BZ-19"}
"""Why the promised clock may stand: local law; the Act itself knows neither."""
RECEIPT_CONFIRMED = "XXGK-31"
SUPERVISION = "XKF-60"
"""上级行政机关……及时纠正行政许可实施中的违法行为: a pause without ground is one."""

_REQUIRED: MappingProxyType[tuple[str, str], str] = MappingProxyType(
    {
        ("ask_supplement", "lacking"): NOTICE,
        ("start_procedure", "kind"): PROCEDURE,
        ("start_procedure", "ground"): PROCEDURE,
        ("start_procedure", "expected_days"): PROCEDURE,
        ("extend", "reason"): EXTENSION,
        ("tell_hearing_right", "interest"): HEARING_RIGHT,
        ("notify_hearing", "hearing_at"): HEARING_NOTICE,
        ("notify_hearing", "place"): HEARING_NOTICE,
        ("notify_hearing", "host"): HEARING_HOST,
        ("assign_inspectors", "inspectors"): INSPECTORS,
        ("disallow_pause", "reason"): SUPERVISION,
        ("restore_pause", "reason"): SUPERVISION,
    }
)
"""Verb and field of its body → the article that asks for what the field must say."""


def asked_by(verb: str, path: Sequence[int | str]) -> str:
    """Return the article that asks for a field of an order's body, empty where none does."""
    return _REQUIRED.get((verb, str(path[0])), "") if path else ""
