"""How a verification is told to a person."""

from __future__ import annotations

from audit.report import CLEAN, INCOMPLETE, TAMPERED, UNREADABLE, Failure, VerifyReport
from yichuang.terminal import say

CONCLUSIONS = {
    CLEAN: "完好",
    TAMPERED: "已被改动",
    INCOMPLETE: "完好，但尚有未签名的尾部",
    UNREADABLE: "无法读取",
}


def tell_report(report: VerifyReport) -> None:
    """Say what was found: the first bad entry, then every failed check, then the conclusion."""
    say(
        f"日志 {report.origin}：{report.entries} 条记录，{report.streams} 个流，"
        f"{report.checkpoints} 个签名树头"
    )
    tell_failures(report)
    for note in report.notes:
        say(f"没有核验：{note}")
    if report.unreadable:
        say(f"读不到：{report.unreadable}")
    say(f"结论：{CONCLUSIONS[report.exit_code]}")


def tell_failures(report: VerifyReport) -> None:
    """Say which entry is the first bad one, and every check that failed with its count."""
    first = report.first_wrong
    if first is not None:
        say(f"第一处不符：{where(first)} {first.entry_id or ''}（{first.check}）")
    for failure in report.failures:
        say(f"  {failure.check}：应为 {failure.expected}，实为 {failure.found}")
    for check, count in sorted(report.counts.items()):
        say(f"未通过的核对 {check}：{count} 处")
    for waiting in report.incomplete:
        say(f"未完：{waiting}")


def where(failure: Failure) -> str:
    """Return where a failure points: a leaf, or the range of leaves among which it lies."""
    if failure.until is None:
        return f"第 {failure.index} 片叶"
    return f"第 {failure.index} 至 {failure.until - 1} 片叶之间"
