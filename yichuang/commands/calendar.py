"""`yichuang calendar …`: what is in force, the next version's text, and what it would change.

Read only, but for the text that `import` and `change` write: proposing and signing it is the
register's (版本发布).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from cases.database import StoreUnwritable, open_engine, reading
from cases.retiming import Counts, count_open, moved_deadlines, moves_by, open_cases
from catalogue.calendar_file import CalendarFile, written
from catalogue.holiday_cn import Notice, NotMerged, read_notices, with_changes, with_notices
from catalogue.marks import Fault
from catalogue.reading import read_calendar, read_calendar_file, read_calendars
from catalogue.working_days import Calendar, changed_days
from yichuang.calendar_changes import change
from yichuang.calendars import texts_in_force
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "工作日历：查看、导入放假通知、临时调整、比较 (working-day calendars; read only)"

WRONG = 2
WEEK = "一二三四五六日"


def add(parser: argparse.ArgumentParser) -> None:
    orders = parser.add_subparsers(dest="order", required=True, metavar="ORDER")
    show = orders.add_parser("show", help="现行日历 (the calendar in force)")
    show.add_argument("--year", type=int, help="逐日列出该年 (the days of that year)")
    load = orders.add_parser("import", help="由 holiday-cn JSON 写出新版本 (a version from JSON)")
    load.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="文件或文件夹")
    change = orders.add_parser("change", help="临时调整若干天 (an ad-hoc change, past days too)")
    for name, said in (("off", "放假"), ("on", "上班")):
        change.add_argument(
            f"--{name}",
            action="append",
            default=[],
            type=date.fromisoformat,
            metavar="DAY",
            help=f"{said}的日子，可多次 (repeatable)",
        )
    change.add_argument("--for", dest="reason", required=True, help="节名或事由 (what for)")
    change.add_argument("--paper", required=True, help="通知的文号或网址 (by which notice)")
    for writing in (load, change):
        writing.add_argument("--version", default="", help="版本号 (of the new version)")
        writing.add_argument("--out", type=Path, help="写到文件；不写则输出 (else standard output)")
    ahead = orders.add_parser("preview", help="会变动的期限 (the deadlines that would move)")
    ahead.add_argument("path", type=Path, metavar="FILE", help="日历文本 (a version's text)")
    ahead.add_argument("--limit", type=int, default=50, help="至多列出几个 (at most)")
    difference = orders.add_parser("diff", help="与现行版本相差的日子 (days that would differ)")
    difference.add_argument("path", type=Path, metavar="FILE", help="日历文本 (a version's text)")
    for one in (show, load, change):
        one.add_argument("--name", default="cn", help="日历名 (default: cn)")
    for one in (show, difference, ahead):
        one.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Do what is asked; 0 done, 1 the text has faults, 2 wrongly asked."""
    now = texts_in_force(settings)
    if args.order == "diff":
        return _diff(args, now.by_name)
    if args.order == "preview":
        return _preview(args, settings, now.by_name)
    text = now.by_name.get(args.name)
    if text is None:
        complain(f"没有叫「{args.name}」的日历；有：{'、'.join(sorted(now.by_name))}")
        return WRONG
    if args.order == "show":
        return _show(args, text, read_calendars(now.by_name)[args.name], now.released)
    found = read_calendar_file(text, args.name, [])
    assert found is not None  # it has passed the gate
    try:
        made = _imported(args, found[0]) if args.order == "import" else _changed(args, found[0])
    except _Refused as refused:
        for fault in refused.faults:
            complain(str(fault))
        return 1
    return _write(args, made, now.by_name)


# --- show ----------------------------------------------------------------------------------------


def _show(args: argparse.Namespace, text: str, calendar: Calendar, released: bool) -> int:
    days = list(_days(calendar, args.year)) if args.year else []
    if args.json:
        say_json({**_plain(calendar, text, released), "days": days})
        return 0
    where = "登记簿中现行" if released else "随程序发布"
    base = f"，叠加于 {calendar.base}" if calendar.base else ""
    say(f"{calendar.name} {calendar.version}（{where}{base}）")
    say(f"已公布 {calendar.first} 至 {calendar.horizon}；此后的期限为暂定")
    say("作息 " + "、".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in calendar.hours))
    for department, hours in sorted(calendar.department_hours.items()):
        say(f"  {department} " + "、".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in hours))
    for day in days:
        if day["mark"]:
            say(f"{day['date']} 周{day['weekday']} {day['mark']} {day['name']}".rstrip())
    if args.year:
        known = "" if args.year <= calendar.horizon.year else "（暂定）"
        say(f"{args.year} 年工作日 {sum(day['working'] for day in days)} 天{known}")
        for paper in calendar.papers.get(args.year, ()):
            say(f"通知 {paper}")
    return 0


def _days(calendar: Calendar, year: int) -> Iterator[dict[str, Any]]:
    day = date(year, 1, 1)
    while day.year == year:
        working = calendar.is_working(day)
        usual = day.weekday() < 5
        mark = "" if working == usual else "班" if working else "休"
        if not mark and day in calendar.off:
            mark = "休"
        yield {
            "date": day.isoformat(),
            "weekday": WEEK[day.weekday()],
            "working": working,
            "mark": mark,
            "name": calendar.names.get(day, ""),
            "provisional": not calendar.is_known(day.toordinal(), day.toordinal()),
        }
        day += timedelta(days=1)


def _plain(calendar: Calendar, text: str, released: bool) -> dict[str, Any]:
    return {
        "name": calendar.name,
        "version": calendar.version,
        "base": calendar.base,
        "released": released,
        "first": calendar.first,
        "horizon": calendar.horizon,
        "digest": hashlib.sha256(text.encode()).hexdigest(),
        "papers": {str(year): list(papers) for year, papers in calendar.papers.items()},
    }


# --- the next version's text ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Refused(Exception):
    faults: tuple[Fault, ...]


def _imported(args: argparse.Namespace, file: CalendarFile) -> CalendarFile:
    """Return the calendar with the notices; an unpublished last year of several is left out."""
    faults: list[Fault] = []
    notices: list[Notice] = []
    for path in _json_files(args.paths):
        notices += read_notices(path.read_text(encoding="utf-8"), path.name, faults)
    for fault in faults:
        complain(str(fault))
    if not notices:
        raise _Refused(tuple(faults) if not faults else ())
    version = args.version or f"notice-{max(one.year for one in notices)}-{_short(notices)}"
    try:
        return with_notices(file, notices, version, "NateScarlet/holiday-cn (MIT)")
    except NotMerged as holes:
        raise _Refused(holes.faults) from holes


def _changed(args: argparse.Namespace, file: CalendarFile) -> CalendarFile:
    said = json.dumps([list(map(str, args.off)), list(map(str, args.on)), args.paper])
    short = hashlib.sha256(said.encode()).hexdigest()[:8]
    version = args.version or f"change-{short}"
    return with_changes(file, version, args.off, args.on, args.reason, args.paper)


def _json_files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.glob("*.json"))
        elif path.is_file():
            yield path
        else:
            raise _Refused((Fault(str(path), 1, "没有这个文件", "请核对路径"),))


def _short(notices: Sequence[Notice]) -> str:
    said = "\n".join(notice.model_dump_json() for notice in notices)
    return hashlib.sha256(said.encode()).hexdigest()[:8]


def _write(args: argparse.Namespace, file: CalendarFile, texts: Any) -> int:
    text = written(file, "新版本提案：请在版本发布页提交，由第二人签署后生效。")
    faults: list[Fault] = []
    bases = {name: one for name, one in read_calendars(texts).items() if name != file.name}
    if read_calendar(text, f"{file.name}.yaml", faults, bases) is None:
        for fault in faults:
            complain(str(fault))
        return 1
    if args.out is None:
        say(text.rstrip("\n"))
    else:
        args.out.write_text(text, encoding="utf-8")
        say(f"已写出 {args.out}：{file.name} {file.version}，截止 {file.horizon}")
    return 0


# --- preview -------------------------------------------------------------------------------------


def _preview(args: argparse.Namespace, settings: Settings, texts: Any) -> int:
    """Look at every open case as a proposal would, and write nothing."""
    new, old = _read(args, texts)
    if new is None:
        return 1
    after = read_calendars({**texts, new.name: args.path.read_text("utf-8")})
    differing = change(new.name, old, after)
    counts, shown, at = Counts(), 0, datetime.now(UTC)
    listed: list[dict[str, Any]] = []
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        with reading(engine) as connection:
            counts.open_cases = count_open(connection, differing.calendars)
        pages = open_cases(engine, differing.calendars, differing.first)
        for one in moved_deadlines(pages, moves_by(after), counts):
            counts.add(one, at)
            shown += 1
            if shown <= args.limit:
                listed.append(asdict(one))
    except StoreUnwritable as away:
        complain(f"{away}。若是第一次，请先运行 bin/yichuang init")
        return 1
    finally:
        engine.dispose()
    if args.json:
        say_json({"counts": asdict(counts), "deadlines": listed})
        return 0
    say(counts.words)
    for row in listed:
        say(
            f"  {row['case_no']} {row['matter_name']} {row['key']} {row['department']} "
            f"{row['due_before']} → {row['due_after']}"
        )
    return 0


# --- diff ----------------------------------------------------------------------------------------


def _read(args: argparse.Namespace, texts: Any) -> tuple[Calendar | None, dict[str, Calendar]]:
    """Return the calendar of the file named and those in force; complain of its faults."""
    faults: list[Fault] = []
    calendars = read_calendars(texts)
    found = None
    if args.path.is_file():
        found = read_calendar(args.path.read_text("utf-8"), args.path.name, faults, calendars)
    else:
        faults.append(Fault(str(args.path), 1, "没有这个文件", "请核对路径"))
    if found is None:
        for fault in faults:
            complain(str(fault))
        return None, calendars
    return found[0], calendars


def _diff(args: argparse.Namespace, texts: Any) -> int:
    new, calendars = _read(args, texts)
    if new is None:
        return 1
    old = calendars.get(new.name)
    if old is None:
        say(f"{new.name} 是新日历，没有现行版本可比")
        return 0
    changed = [
        {
            "date": day.isoformat(),
            "to": "上班" if new.is_working(day) else "放假",
            "name": new.names.get(day, "") or old.names.get(day, ""),
        }
        for day in changed_days(old, new)
        if day <= max(old.horizon, new.horizon)
    ]
    answer = {"name": new.name, "from": old.version, "to": new.version, "changed": changed,
              "horizon": {"from": old.horizon, "to": new.horizon}}  # fmt: skip
    if args.json:
        say_json(answer)
        return 0
    say(f"{new.name}：{old.version} → {new.version}，截止 {old.horizon} → {new.horizon}")
    for day in changed:
        say(f"  {day['date']} 改为{day['to']} {day['name']}".rstrip())
    say(f"共 {len(changed)} 天不同")
    return 0
