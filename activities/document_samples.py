"""One made-up document of each kind: for the benchmark, for a look at a template, for its tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from activities import document_facts as facts
from catalogue.matters import DocumentKind

_LICENSING = "《中华人民共和国行政许可法》"
_REMEDIES = facts.Remedies("云川市人民政府", "云川市云溪区人民法院", review_first=False)


def _common(title: str, number: str) -> dict[str, Any]:
    code = "K7QMX2NVT4RB9WPA"
    return {
        "organ": "云川市市场监督管理局",
        "number": number,
        "title": title,
        "addressee": "云川市老灶台餐饮管理有限公司",
        "matter": "食品经营许可",
        "case_no": "SCJG2026112200012",
        "issued_on": "2026年11月22日",
        "address": "云川市商务路18号",
        "phone": "0990-1000203",
        "code": code,
        "verify_address": f"https://zwfw.yunchuan.example/verify/{code}",
    }


_CENTRE = {
    "organ": "云川市电子监察中心",
    "addressee": "云川市市场监督管理局",
    "address": "云川市人民大道1号5号楼",
    "phone": "0990-1000910",
}

SAMPLES: Mapping[DocumentKind, facts.DocumentFacts] = {
    "receipt": facts.Receipt(
        **_common("收件凭证", "云市监许收〔2026〕128号"),
        received_at="2026年11月20日10时05分",
        channel="窗口",
        receiver="王芳",
        materials=(
            facts.MaterialLine("食品经营许可申请书", 1, 0, "纸质"),
            facts.MaterialLine("主要设备设施布局、操作流程文件", 1, 0, "电子"),
        ),
        notice="5个工作日",
        basis=f"{_LICENSING}第三十二条第一款第（四）项",
        query_code="K7QDM4XPZT2A",
        status_address="https://yichuang.yunchuan.example/status",
    ),
    "supplement_notice": facts.SupplementNotice(
        **_common("补正告知书", "云市监许补〔2026〕7号"),
        received_on="2026年11月20日",
        lacking=(
            facts.LackingLine("补交设备设施布局图", "缺平面图"),
            facts.LackingLine("更正统一社会信用代码", ""),
        ),
        within_days=30,
        supply_by="2026年12月22日",
        provisional=True,
        basis=f"{_LICENSING}第三十二条第一款第（四）项",
    ),
    "acceptance_notice": facts.AcceptanceNotice(
        **_common("受理通知书", "云市监许受〔2026〕12号"),
        received_on="2026年11月20日",
        accepted_on="2026年11月22日",
        deemed=False,
        contact="13800000000",
        period="20个工作日",
        decide_by="2026年12月18日",
        provisional=False,
        promised_by="2026年12月4日",
        missing=("从业人员健康证明",),
        missing_by="2026年11月27日",
        overdue="视为撤回申请",
        undertaking="我单位承诺于期限内补齐上述材料。",
        basis=f"{_LICENSING}第三十二条第一款第（五）项",
    ),
    "acceptance_refusal": facts.AcceptanceRefusal(
        **_common("不予受理决定书", "云市监许不受〔2026〕1号"),
        received_on="2026年11月20日",
        required=True,
        reason="申请事项不属于本机关职权范围。",
        apply_to="云川市卫生健康委员会",
        basis=f"{_LICENSING}第三十二条第一款第（二）项",
        remedies=_REMEDIES,
    ),
    "procedure_notice": facts.ProcedureNotice(
        **_common("特别程序告知书", "云市监许特〔2026〕2号"),
        accepted_on="2026年11月22日",
        procedure="听证",
        ground="直接涉及他人重大利益。",
        expected_days=15,
        expected_until="2026年12月7日",
        basis=f"{_LICENSING}第四十五条",
    ),
    "extension_notice": facts.ExtensionNotice(
        **_common("延期决定通知书", "云市监许延〔2026〕4号"),
        accepted_on="2026年11月22日",
        reason="案情复杂，需要进一步核查。",
        approved_by="本行政机关负责人",
        extension="10个工作日",
        decide_by="2027年1月4日",
        provisional=True,
        basis=f"{_LICENSING}第四十二条第一款",
    ),
    "grant": facts.Grant(
        **_common("准予行政许可决定书", "云市监许准〔2026〕9号"),
        accepted_on="2026年11月22日",
        activity="行政许可",
        conditions="不得超出核准的经营项目。",
        valid_until="2031年11月21日",
        result="食品经营许可证",
        delivery="10个工作日",
        basis=f"《中华人民共和国食品安全法》第三十五条第一款、{_LICENSING}第三十八条第一款",
    ),
    "refusal": facts.Refusal(
        **_common("不予行政许可决定书", "云市监许不准〔2026〕3号"),
        accepted_on="2026年11月22日",
        activity="行政许可",
        reasons="经现场核查，经营场所与污染源的距离不符合食品安全要求。",
        basis=f"《中华人民共和国食品安全法》第三十五条第二款、{_LICENSING}第三十八条第二款",
        remedies=_REMEDIES,
    ),
    "service_record": facts.ServiceRecord(
        **_common("送达回证", "云市监许送〔2026〕9号"),
        served_title="准予行政许可决定书",
        served_number="云市监许准〔2026〕9号",
        recipient="李强",
        relation="本人",
        method="直接送达",
        place="云川市政务服务中心一楼综合窗口",
        served_at="2026年12月1日15时30分",
        server="王芳",
        refusal="",
        witnesses=(),
        basis=f"{_LICENSING}第四十四条、《中华人民共和国民事诉讼法》第八十八条",
    ),
    "wait_notice": facts.WaitNotice(
        **_common("所需时间告知书", "云市监许时〔2026〕3号"),
        accepted_on="2026年11月22日",
        wait="现场核查",
        reason="需要核对经营场所的布局和设备设施。",
        expected_days=3,
        expected_until="2026年11月28日",
        decide_by="2026年12月18日",
        provisional=False,
        basis="《安阳市政务服务条例》第三十七条",
    ),
    "hearing_right_notice": facts.HearingRightNotice(
        **_common("听证权利告知书", "云市监许听告〔2026〕1号"),
        accepted_on="2026年11月22日",
        interest="经营场所的排烟口正对相邻住户的窗户。",
        parties=("刘洋", "云川市云溪区滨河社区居民委员会"),
        request_by="2026年11月30日",
        basis=f"{_LICENSING}第四十七条第一款",
        costs=f"{_LICENSING}第四十七条第二款",
    ),
    "hearing_notice": facts.HearingNotice(
        **_common("听证通知书", "云市监许听〔2026〕1号"),
        requested_on="2026年11月25日",
        announcement="",
        hearing_at="2026年12月8日9时30分",
        place="云川市政务服务中心三楼听证室",
        host="周敏",
        public=True,
        basis=f"{_LICENSING}第四十七条第一款、第四十八条第一款第（一）项",
        recusal=f"{_LICENSING}第四十八条第一款第（三）项",
    ),
    "deemed_renewal": facts.DeemedRenewal(
        **_common("视为准予延续通知书", "云市监许视延〔2026〕1号"),
        received_on="2026年10月20日",
        licence_until="2026年11月21日",
        result="食品经营许可证",
        delivery="10个工作日",
        basis=f"{_LICENSING}第五十条",
    ),
    "supervision_order": facts.SupervisionOrder(
        **_common("督办单", "云监许督〔2026〕3号") | _CENTRE,
        card="JC202611220A1B2C3D4E",
        rule="JC-HP-CN 黄牌：超过承诺时限",
        since="2026年11月22日0时00分",
        why="承诺办结时限10个工作日，已用10个工作日",
        found="",
        explain_within="1个工作日",
        basis="《云川市政务服务电子监察办法（示例）》第四条",
    ),
    "supervision_advice": facts.SupervisionAdvice(
        **_common("监察建议书", "云监许建〔2026〕1号") | _CENTRE,
        card="JC202611220F5G6H7I8J",
        rule="JC-RP-FD 红牌：超过法定期限",
        since="2026年11月22日0时00分",
        why="法定办结时限20个工作日，已用20个工作日",
        found="",
        explain_within="1个工作日",
        basis="《云川市政务服务电子监察办法（示例）》第五条",
        public_basis="《优化营商环境条例》第三十六条",
    ),
}


def sample_of(kind: DocumentKind, **given: str) -> facts.DocumentFacts:
    """Return the sample of a kind in its plain case, with some of its fields as given."""
    sample = SAMPLES[kind]
    if isinstance(sample, facts.AcceptanceNotice):
        sample = replace(sample, missing=())  # with materials to follow the shipped words stand
    fields: dict[str, Any] = dict(given)
    return replace(sample, **fields)
