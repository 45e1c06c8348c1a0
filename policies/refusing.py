"""The sentences of a refusal: what is missing, and who could do it or grant it.

Templates of `catalogue.told`: the log has the Chinese, a page says them in the reader's language.
"""

from __future__ import annotations

from typing import Final

GRANTED_BY: Final = "授权由安全管理员提出、另一人批准"

STALE: Final = "现行的访问控制策略暂时无法确认，按规定一律拒绝"
LATER: Final = "请稍后重试；持续如此请系统管理员检查办件库和版本登记簿"
BROKEN: Final = "访问控制出错，按规定一律拒绝"
MEND: Final = "请联系安全管理员检查策略"
UNKNOWN_ACT: Final = "策略里没有对{type}的「{act}」这一动作，没有写明许可的一律拒绝"
NOT_A_PERSON: Final = "主体无效：只有在册人员、登记的系统和申请人本人可以办理"
LABEL: Final = "办理的对象要求许可级别 {level} 级{named}，您的许可级别或范畴不够"
COMPARTMENTS: Final = "（范畴：{names}）"
CLEARED_BY: Final = f"许可级别{GRANTED_BY}"
ELSEWHERE: Final = "只能提交本部门（及下级）的版本"
THEIRS: Final = f"请由该部门的事项编制人提交；全市的版本须授权到全市，{GRANTED_BY}"
SEPARATED: Final = "本办件的「{done}」已由 {person} 完成，同一人（含代理关系双方）不得再办「{act}」"
SOMEBODY_ELSE: Final = "请由其他人员办理；职责分离不能授权绕过"
FORBIDS: Final = "这是禁止性规则（{row}），不能授权绕过"
NO_TASK: Final = "环节「{task}」不存在或已办结"
NO_ROLE: Final = "您现有的角色没有{kind}的「{act}」权限"
NEAR: Final = "您是{role}，但要办「{act}」还须：{must}（{row}）"
ROW: Final = "策略第 {n} 行：{row}"
QUOTED: Final = "「{role}」"
BY_ROLES: Final = f"可由{{roles}}办理；{GRANTED_BY}"
BY_NOBODY: Final = "策略没有把这一动作许可给任何角色"
AND_NOW: Final = "{remedy}{now}"
NOW: Final = "；现在可找{offices}"
NOBODY_NOW: Final = "；现在无人担任，须先授予角色"
OFFICE: Final = "{department}{role}（{n} 人）"
GROUNDED: Final = "{reason}（{basis}）"
HOST: Final = "主持听证"

SENTENCES: Final = (
    STALE, LATER, BROKEN, MEND, UNKNOWN_ACT, NOT_A_PERSON, LABEL, COMPARTMENTS, CLEARED_BY,
    ELSEWHERE, THEIRS, SEPARATED, SOMEBODY_ELSE, FORBIDS, NO_TASK, NO_ROLE, NEAR, ROW, QUOTED,
    BY_ROLES, BY_NOBODY, NOW, NOBODY_NOW, OFFICE, GROUNDED, HOST,
)  # fmt: skip
"""Every template that has words of its own, for whoever says them in another language."""
