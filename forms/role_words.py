"""What roles are called, marked for translation; `policies.vocabulary` is their source."""

from __future__ import annotations

from collections.abc import Mapping

from forms.visit import Visit
from forms.words import N_

ROLES = {
    "window_clerk": N_("综合窗口人员"),
    "section_clerk": N_("科室经办人"),
    "section_head": N_("科室负责人"),
    "organ_head": N_("本行政机关负责人"),
    "government_head": N_("本级人民政府负责人"),
    "certificate_desk": N_("制证发证岗"),
    "supervisor": N_("电子监察员"),
    "catalogue_editor": N_("事项编制人"),
    "catalogue_signer": N_("事项复核签署人"),
    "intake_operator": N_("接口运维员"),
    "sysadmin": N_("系统管理员"),
    "secadmin": N_("安全管理员"),
    "auditadmin": N_("审计管理员"),
    "duty_officer": N_("值班员"),
    "commander": N_("指挥长"),
    "unit_duty": N_("处置单位值班员"),
    "arbiter": N_("派单仲裁员"),
    "evaluator": N_("核查评价员"),
    "project_clerk": N_("项目经办人"),
    "project_lead": N_("项目负责人"),
    "gate_approver": N_("关口审批人"),
    "payment_reviewer": N_("付费审核人"),
    "treasurer": N_("国库支付人"),
    "performance_evaluator": N_("绩效评价人"),
    "operator": N_("运营方"),
    "leader": N_("领导小组成员"),
    "plan_reporter": N_("指标填报人"),
    "service_signal": N_("信号来源系统"),
    "service_plan": N_("指标报送系统"),
    "service_project": N_("项目业务系统"),
    "service_unit": N_("处置单位业务系统"),
    "service_intake": N_("部门业务系统"),
    "service_backfill": N_("补录权限"),
}


def role_names(visit: Visit) -> Mapping[str, str]:
    """Return each role with its name in the reader's language."""
    return {
        code: visit.say(ROLES.get(code, name))
        for code, name in visit.ports.catalogue.roles().items()
    }
