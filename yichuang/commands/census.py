"""`yichuang census`: whether every open case waits with one timer at its earliest instant."""

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cases.armed import IN_CHINESE
from cases.census import Lateness
from cases.census_view import CensusView, as_json, census_view
from cases.database import StoreUnwritable, one_moment, open_engine, reading
from cases.tally import distrust
from cases.tally_check import SumsFound, checked
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "定时器对账：0/0，或点名到件 (one timer per open case: 0/0, or each case by name)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")
    parser.add_argument(
        "--sums", action="store_true",
        help="监察汇总与办件逐件核对，每万件约 5 秒 (hold the boards' sums to every case)",
    )  # fmt: skip
    parser.add_argument(
        "--anew", action="store_true",
        help="与 --sums 同用：全部重新汇总，由工作进程完成 (with --sums: make all sums anew)",
    )  # fmt: skip


ANEW = "bin/yichuang census --sums --anew"
NAMED = 20
"""So many of what differs are named in words; JSON names all."""


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print what the census found; 0 when it is 0/0 and of this minute, 1 otherwise.

    With `--sums` the boards' sums are held to the rows instead: 0 when none differs; with `--anew`
    too they are made anew.
    """
    if args.anew and not args.sums:
        complain("--anew 须与 --sums 同用")
        return 2
    engine = open_engine(settings.store_url("cases"), read_only=not args.anew)
    try:
        if args.anew:
            with engine.begin() as connection:
                distrust(connection)
            say("已作废全部监察汇总：工作进程下一轮起重新汇总，其间看板按办件计数")
            return 0
        if args.sums:
            with one_moment(engine) as connection:
                return _sums(checked(connection, settings.zone), as_json=args.json)
        with reading(engine) as connection:
            view = census_view(connection, datetime.now(UTC))
    except StoreUnwritable as away:
        complain(f"{away}。若是第一次，请先运行 bin/yichuang init")
        return 1
    finally:
        engine.dispose()
    if args.json:
        say_json(as_json(view))
    else:
        for line in lines(view, ZoneInfo(settings.zone)):
            say(line)
    return 0 if view.is_well else 1


def _sums(found: SumsFound, *, as_json: bool) -> int:
    if as_json:
        say_json({"well": found.is_well} | asdict(found))
    else:
        for line in sums_lines(found):
            say(line)
    return 0 if found.is_well else 1


def sums_lines(found: SumsFound) -> list[str]:
    """Return in words whether the boards' sums are what the rows say."""
    told = [f"监察汇总  {found.cases} 件，其中 {found.marked} 件有变动待汇总（看板按办件计）"]
    if not found.is_whole:
        told.append("尚未汇总完：看板按办件计数，工作进程运行后自动补齐")
    said = (
        ("办件与汇总不符", found.differing, "工作进程轮到时会重算；仍出现即为缺陷，请报告"),
        ("汇总中没有的办件", found.strangers, "运行中的库不应删除办件行，请核对备份"),
        (
            "合计与各件之和不符",
            found.unequal,
            "请运行 bin/yichuang census --sums --anew 重新汇总，并报告缺陷",
        ),
    )
    for what, which, then in said:
        told.append(f"{what}  {len(which)}")
        told += [f"  {one}" for one in which[:NAMED]]
        if len(which) > NAMED:
            told.append(f"  另有 {len(which) - NAMED} 个，见 --json")
        if which:
            told.append(f"  {then}")
    return told


def lines(view: CensusView, zone: ZoneInfo) -> list[str]:
    """Return the census in words, instants in the city's time."""

    def at(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    told = [f"缺定时器/多定时器  {view.unarmed}/{view.stray}"]
    told.append(f"过时一分钟无记录  {len(view.overdue)}（只凭数据库）")
    if view.looked_at is None:
        told.append("还没有对过账")
    else:
        stale = "" if view.is_fresh else "，已过一分钟，不能说明现在"
        told.append(f"最近对账  {at(view.looked_at)}{stale}")
        told.append(f"在办 {view.watched} 件，其中 {view.waiting} 件在等时刻")
    if view.unproven:
        told.append(f"尚未证实  {view.unproven} 件")
    if view.away:
        since = f"，自 {at(view.away_since)}" if view.away_since else ""
        told.append(f"无法对账  {view.away}{since}")
    told.append(f"响得多迟  一小时内 {_late(view.late_hour)}；一天内 {_late(view.late_day)}")
    for one in view.wrong:
        again = f"，已修 {one.mends} 次" if one.mends else ""
        told.append(f"  {one.case_no}  {IN_CHINESE[one.fault]}，自 {at(one.since)}{again}")
    for instant in view.overdue:
        told.append(f"  {instant.case_no}  时刻 {instant.key} 应在 {at(instant.due_at)}，没有记录")
    for mended in view.mended:
        told.append(f"  {mended.case_no}  已修复，{at(mended.at)}")
    return told


def _late(one: Lateness) -> str:
    if not one.count:
        return "没有"
    return f"{one.count} 次，中位 {one.p50} 秒，95% {one.p95} 秒，最多 {one.max} 秒"
