"""事项编制: one changes a matter at the desk, another signs it, the public reads it."""

from __future__ import annotations

from tests.e2e.office import Office, task

MATTERS = {"mouse": "辐射安全许可证延续", "keyboard": "企业开办", "without scripts": "食品经营许可"}
"""Whose matter: a version of one that waits for its signature stands in the way of the next."""


@task("catalogue_editor", "catalogue_signer")
def a_matter_was_changed_sent_through_the_gate_and_signed_by_another(office: Office) -> None:
    matter, advice = MATTERS[office.way], office.named("请先电话预约，周三下午不办理")
    editor = office.desk("bianzhi")
    editor.follow("事项编制")
    editor.press("起草新版本", beside=matter)
    editor.follow("文字和文书")
    editor.fill("办事提示", advice)
    editor.press("保存并检查")
    editor.see("检查通过")
    editor.follow("看改了什么并提交")
    editor.see(advice)
    editor.press("提交检查，等待他人签署")
    editor.see("待签署")

    signer = office.desk("qianshu")
    signer.follow("版本发布")
    signer.follow("看改动并签署", beside=matter)
    signer.see(advice)
    signer.press("签署并生效")
    office.proved(signer, "qianshu")
    signer.see("签署后对全市生效，不能撤回")
    signer.press("签署 ")
    signer.see("有效")
    signer.see("施签署")

    reader = office.stranger()
    reader.follow("办事指南")
    reader.follow(matter)
    reader.see(advice)
