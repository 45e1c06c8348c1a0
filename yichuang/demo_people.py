"""The people of the demo city: every role once at least, with names that belong to nobody."""

from __future__ import annotations

from dataclasses import dataclass

from cases.messages import Grant


@dataclass(frozen=True)
class Person:
    """One account of the demo city."""

    login: str
    name: str
    department: str
    held: tuple[tuple[str, str], ...]
    """Role and department of each grant."""

    @property
    def grants(self) -> tuple[Grant, ...]:
        return tuple(Grant(role=role, department=where) for role, where in self.held)


_ORGANS = ("zjj", "scjg", "bgs")
"""The departments whose matters one may apply for at the window."""


def _window(login: str, name: str) -> Person:
    held = [("window_clerk", organ) for organ in _ORGANS]
    # The demo's past is told as backfilled cases (补录), and the window tells it.
    held += [("service_backfill", organ) for organ in _ORGANS]
    return Person(login, name, "ck", tuple(held))


def _section(login: str, name: str, department: str, *organs: str) -> Person:
    held = [("section_clerk", department), *(("service_backfill", one) for one in organs)]
    return Person(login, name, department, tuple(held))


def _held(login: str, name: str, department: str, *roles: str) -> Person:
    held = [(role, department) for role in roles]
    held += [("service_backfill", department)] if department in _ORGANS else []
    return Person(login, name, department, tuple(held))


def _head(login: str, name: str, department: str, *organs: str) -> Person:
    """A section head who answers for a step in other organs' cases."""
    held = [("section_head", department), *(("service_backfill", one) for one in organs)]
    return Person(login, name, department, tuple(held))


COMMAND: tuple[Person, ...] = (
    _held("zhiban1", "章值班", "zhzx", "duty_officer"),
    _held("zhiban2", "邹值班", "zhzx", "duty_officer"),
    _held("zhihui", "雷指挥", "zhzx", "commander"),
    _held("zhongcai", "贺仲裁", "zhzx", "arbiter"),
    _held("hecha1", "倪核查", "jdzx", "evaluator"),
    _held("hecha2", "汤核查", "jdzx", "evaluator"),
)
"""The command centre dispatches, the inspection centre checks: nobody sits in both."""

UNITS: tuple[Person, ...] = (
    _held("ranqi1", "滕燃气", "rq", "unit_duty"),
    _held("ranqi2", "殷燃气", "rq", "unit_duty"),
    _held("jiuyuan1", "罗救援", "xfjy", "unit_duty"),
    _held("jiaojing1", "毕交警", "jj", "unit_duty"),
    _held("chengguan1", "郝城管", "cgj", "unit_duty"),
    _held("shuiwu1", "邬水务", "sw", "unit_duty"),
    _held("gongdian1", "安供电", "gd", "unit_duty"),
    _held("gongre1", "常供热", "gr", "unit_duty"),
    _held("yingji1", "乐应急", "yjj", "unit_duty"),
    _held("weijian1", "于卫健", "wjw", "unit_duty"),
    _held("huanjing1", "时环境", "sthj", "unit_duty"),
    _held("gongan1", "傅公安", "gaj", "unit_duty"),
    _held("shijian1", "皮值守", "scjg", "unit_duty", "section_clerk"),
    _held("jianshe1", "卞值守", "zjj", "unit_duty", "section_clerk"),
    _held("ziran1", "齐值守", "zrzy", "unit_duty"),
    _held("xikou1", "康溪口", "jd1", "unit_duty"),
    _held("xuefu1", "伍学府", "jd2", "unit_duty"),
    _held("lingnan1", "余岭南", "jd3", "unit_duty"),
    _held("beimen1", "元北门", "jd4", "unit_duty"),
    _held("jiangwan1", "卜江湾", "jd5", "unit_duty"),
    _held("dukou1", "顾渡口", "jd6", "unit_duty"),
)
"""One at least for every unit that the responsibility table may send."""

PROJECTS: tuple[Person, ...] = (
    _held("xiangmu1", "邱经办", "zxb", "project_clerk"),
    _held("xiangmu2", "骆经办", "zxb", "project_clerk"),
    _held("xiangmufz", "高负责", "zxb", "project_lead"),
    _held("fagai1", "夏审批", "fgw", "gate_approver"),
    _held("fagai2", "蔡审批", "fgw", "gate_approver"),
    _held("caizheng1", "田审核", "czj", "payment_reviewer"),
    _held("guoku1", "樊国库", "czj", "treasurer"),
    _held("pingjia1", "胡评价", "pjzx", "performance_evaluator"),
    _held("pingjia2", "凌评价", "pjzx", "performance_evaluator"),
    _held("yunying1", "霍运营", "spv1", "operator"),
    _held("lingdao1", "万组长", "gov", "leader"),
    _held("gongxin1", "支填报", "gxj", "plan_reporter"),
    _held("fagai3", "柯填报", "fgw", "plan_reporter"),
    _held("gonganbao", "咎填报", "gaj", "plan_reporter"),
    _held("huanbao1", "管填报", "sthj", "plan_reporter"),
    _held("xiangmubao", "卢填报", "zxb", "plan_reporter"),
    _held("zhihuibao", "阎填报", "zhzx", "plan_reporter"),
    _held("weijianbao", "邢填报", "wjw", "plan_reporter"),
    _held("minzhengbao", "史填报", "mzj", "plan_reporter"),
    _held("jiaojingbao", "龚填报", "jj", "plan_reporter"),
    _held("chengguanbao", "文填报", "cgj", "plan_reporter"),
)
"""Who applies, approves a gate, reviews, pays, evaluates and operates: each somebody else."""

PEOPLE: tuple[Person, ...] = (
    _window("chuangkou1", "陈窗口"),
    _window("chuangkou2", "林窗口"),
    _section("zhujian1", "赵建安", "zjj", "zjj"),
    _section("zhujian2", "钱建平", "zjj", "zjj"),
    _held("zhujianke", "周科长", "zjj", "section_head"),
    _held("zhujianju", "吴局长", "zjj", "organ_head"),
    _held("zhujianzheng", "郑制证", "zjj", "certificate_desk"),
    _section("guihua1", "孙规划", "zrzy", "zjj"),
    _section("xiaofang1", "李消防", "xf", "zjj"),
    _section("renfang1", "王人防", "rf", "zjj"),
    _section("wenwu1", "冯文物", "ww", "zjj"),
    _head("guihuake", "孙科长", "zrzy", "zjj"),
    _head("renfangke", "王科长", "rf", "zjj"),
    _head("wenwuke", "冯科长", "ww", "zjj"),
    _held("guihuaju", "华局长", "zrzy", "organ_head"),
    _held("renfangban", "金主任", "rf", "organ_head"),
    _held("wenwuju", "魏局长", "ww", "organ_head"),
    _section("shichang1", "褚市监", "scjg", "scjg"),
    _section("shichang2", "卫市监", "scjg", "scjg"),
    _held("shichangke", "蒋科长", "scjg", "section_head"),
    _held("shichangju", "沈局长", "scjg", "organ_head"),
    _held("shichangzheng", "韩制证", "scjg", "certificate_desk"),
    _section("gongkai1", "杨公开", "bgs", "bgs"),
    _held("gongkaike", "朱主任", "bgs", "section_head"),
    _held("gongkaiju", "秦秘书长", "bgs", "organ_head"),
    _held("gongkaizheng", "尤发文", "bgs", "certificate_desk"),
    Person("shizhang", "许市长", "gov", (("government_head", "gov"),)),
    Person("jiancha", "何监察", "dsjc", (("supervisor", "*"),)),
    Person("jiancha2", "孔监察", "dsjc", (("supervisor", "*"),)),
    Person("jijian", "陶纪检", "jjjc", (("supervisor", "*"),)),
    Person("bianzhi", "吕编制", "sp", (("catalogue_editor", "*"),)),
    Person("caibian", "蔡编制", "scjg", (("catalogue_editor", "scjg"),)),
    Person("qianshu", "施签署", "sp", (("catalogue_signer", "sp"),)),
    Person("jiekou", "张接口", "sp", (("intake_operator", "sp"),)),
    *COMMAND,
    *UNITS,
    *PROJECTS,
)
