"""The log's acts, objects and results in the office's words."""

from __future__ import annotations

from forms.guard import Visit
from forms.words import N_, VERBS

ACTS = {
    "read": N_("查看"),
    "list": N_("查看列表"),
    "export": N_("导出"),
    "read_personal": N_("查看个人信息"),
    "print": N_("打开文书或材料"),
    "print_card": N_("打开监察文书"),
    "report": N_("出具报告"),
    "issue_document": N_("出具文书"),
    "void_number": N_("作废文号"),
    "case_mended": N_("修复流程"),
    "request": N_("打开页面"),
    "sign_in": N_("登录"),
    "sign_out": N_("退出"),
    "enrol": N_("登记口令"),
    "password_change": N_("修改口令"),
    "session_revoke": N_("终止会话"),
    "account_create": N_("新建账号"),
    "account_renew": N_("重发登记码"),
    "account_grant": N_("授予角色"),
    "account_label": N_("改变密级"),
    "account_close": N_("停用账号"),
    "message_taken": N_("收到消息"),
    "message_repeated": N_("收到重复消息"),
    "message_buried": N_("消息退回"),
    "dead_letter_read": N_("查看死信"),
    "dead_letter_mended": N_("修正死信"),
    "dead_letter_replayed": N_("重放死信"),
    "dead_letter_discarded": N_("丢弃死信"),
    "events_published": N_("发布事件"),
    "alarm_raised": N_("发出警报"),
    "alarm_updated": N_("警报变化"),
    "alarm_cleared": N_("解除警报"),
    "alarm_withdrawn": N_("撤回警报"),
    "key_made": N_("生成密钥"),
    "release_seed": N_("随程序来的版本"),
    "release_gate": N_("版本检查"),
    "release_previewed": N_("预览版本的影响"),
    "release_dossier": N_("版本卷宗"),
    "release_dossier_signed": N_("签署卷宗"),
    "release_retimed": N_("重算期限"),
    "payment_request": N_("付款申请"),
    "look_ahead": N_("预览版本的影响"),
    "simulate": N_("模拟"),
    "payload.erase_asked": N_("提出依法删除"),
    "payload.erase_approved": N_("批准依法删除"),
    "payload.erase_refused": N_("不批准依法删除"),
    "payload.restricted": N_("限制处理"),
    "payload.erased": N_("依法删除"),
    "retention.purged": N_("到期清除"),
    "audit.searched": N_("检索日志"),
    "audit.verified": N_("核验日志"),
    "audit.key.rotated": N_("更换日志密钥"),
    "audit.key.revoked": N_("吊销日志密钥"),
    "audit.shard.opened": N_("新开日志分片"),
    "audit.shard.closed": N_("封存日志分片"),
    "audit.anchored": N_("取得时间戳"),
    "audit.witness_absent": N_("见证人缺席"),
    "audit.witness_back": N_("见证人恢复"),
    "receipt.issued": N_("出具回执"),
}
OBJECTS = {
    "case": N_("办件"),
    "account": N_("账号"),
    "release": N_("版本"),
    "worklist": N_("工作列表"),
    "card": N_("监察牌"),
    "notice": N_("通知"),
    "acceptance": N_("受理先后"),
    "supervision": N_("电子监察"),
    "draft": N_("草稿"),
    "dead_letter": N_("死信"),
    "dossier": N_("卷宗"),
    "page": N_("页面"),
    "document_number": N_("文号"),
    "workflow": N_("流程"),
    "messages": N_("消息"),
    "events": N_("事件"),
    "alarm": N_("警报"),
    "key": N_("密钥"),
    "subject": N_("当事人"),
    "log": N_("日志"),
    "payment": N_("付款"),
    "session": N_("会话"),
}
RESULTS = {"ok": N_("成功"), "deny": N_("拒绝"), "error": N_("出错")}
KINDS = {
    "human": N_("人员"),
    "service": N_("业务系统"),
    "ai": N_("智能体"),
    "citizen": N_("申请人"),
    "system": N_("系统"),
}
DOORS = {
    "web": N_("网页"),
    "rest": N_("接口"),
    "nats": N_("消息"),
    "gateway": N_("消息"),
    "cli": N_("命令行"),
    "worker": N_("系统"),
}
FINDINGS = {
    0: N_("完好"),
    1: N_("已被改动"),
    2: N_("完好，但尚有未签名的尾部或者未办完的事"),
    3: N_("无法读取，或者中途停止"),
}


def act_word(visit: Visit, act: str) -> str:
    """Return an act in the reader's language; one that nobody has named, as the log has it."""
    found = ACTS.get(act) or VERBS.get(act)
    return visit.say(found) if found else act
