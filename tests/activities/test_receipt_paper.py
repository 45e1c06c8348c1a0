"""The 回执 on paper, printed: its words, and the proof file inside."""

from __future__ import annotations

import io
import json

from pypdf import PdfReader

from activities.printing import printed
from activities.receipt_paper import PaperClock, PaperStep, ReceiptPaper, receipt_html
from audit import yichuang_verify

FILE = json.dumps({"format": "yichuang-receipt/1", "case": "云"}, ensure_ascii=False).encode()

PAPER = ReceiptPaper(
    organ="云川市",
    case_no="ZJJ2026112700001",
    matter="建筑工程施工许可",
    issued_at="出具时间：2026-11-27 09:00",
    verdict="真实：内容与签名一致",
    file_name="case-1.yichuang-proof.json",
    file=FILE,
    digest="ab" * 32,
    policy_digest="cd" * 32,
    checked=("2 条记录的原文在日志签名的树头之内，一字未改",),
    unchecked=("没有附时间戳",),
    vouchers=("日志 city/audit/2026H2 签名，树头大小 9，密钥 00112233",),
    steps=(PaperStep(1, "2026-11-20 09:00", "收件", "完成", "4"),),
    clocks=(PaperClock("法定时限", "2026-11-20", "2026-12-18", "1 / 20 天", "《法》第一条"),),
    verify_address="https://city.example/verify/receipt",
)


def test_the_proof_file_is_inside_the_paper_byte_for_byte() -> None:
    content = printed(receipt_html(PAPER))
    assert yichuang_verify.out_of_paper(content) == FILE
    pdf = PdfReader(io.BytesIO(content))
    assert dict(pdf.attachments) == {"case-1.yichuang-proof.json": [FILE]}
    text = "".join(page.extract_text() for page in pdf.pages).replace("\n", "")
    for words in ("办件回执", "ZJJ2026112700001", "ab" * 32, "cd" * 32, "没有附时间戳", "不是文书",
                  "https://city.example/verify/receipt", "《法》第一条"):  # fmt: skip
        assert words in text
    assert len(pdf.pages) == 1


def test_words_of_a_case_cannot_open_a_tag_or_an_attachment() -> None:
    evil = '"><link rel="attachment" title="x" href="data:application/json;base64,AAAA">'
    paper = ReceiptPaper(**{**vars(PAPER), "matter": evil, "file_name": f"{evil}.json"})
    page = receipt_html(paper)
    assert page.count('<link rel="attachment"') == 1
