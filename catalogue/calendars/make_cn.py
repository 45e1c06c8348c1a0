"""Makes cn.yaml beside it from the package chinesecalendar; run by hand when a notice is out.

`python catalogue/calendars/make_cn.py [holiday-cn.json …] > catalogue/calendars/cn.yaml`. The
running system reads only the file, never the package, so that a library upgrade cannot change a
deadline. The package gives the days and what they are for; the JSON of holiday-cn, where given,
gives the addresses of the notices.
"""

import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

from chinese_calendar import constants

from catalogue.calendar_file import CalendarFile, Year, written
from catalogue.holiday_cn import read_notices
from catalogue.marks import Fault

EDITION = "1"
"""Which edition of the text: the days alone are the package's, the rest of the file is ours."""

IN_CHINESE = {holiday.value: holiday.chinese for holiday in constants.Holiday}


def year_of(number: int, papers: tuple[str, ...]) -> Year:
    names: dict[str, list[date]] = {}
    for days in (constants.holidays, constants.workdays):
        for day, english in days.items():
            if day.year == number:
                names.setdefault(IN_CHINESE[english], []).append(day)
    return Year(
        off=tuple(day for day in sorted(constants.holidays) if day.year == number),
        on=tuple(day for day in sorted(constants.workdays) if day.year == number),
        names={name: tuple(sorted(days)) for name, days in names.items()},
        papers=papers,
    )


def main() -> None:
    papers: dict[int, tuple[str, ...]] = {}
    faults: list[Fault] = []
    for name in sys.argv[1:]:
        notices = read_notices(Path(name).read_text(encoding="utf-8"), name, faults)
        papers.update({notice.year: notice.papers for notice in notices})
    years = sorted({day.year for day in constants.holidays})
    package = version("chinesecalendar")
    file = CalendarFile(
        name="cn",
        version=f"chinesecalendar-{package}-{EDITION}",
        source=f"PyPI chinesecalendar {package} (MIT)"
        + ("；通知网址 NateScarlet/holiday-cn (MIT)" if papers else ""),
        first=date(years[0], 1, 1),
        horizon=date(years[-1], 12, 31),
        hours=("09:00-12:00", "13:00-17:30"),
        years={number: year_of(number, papers.get(number, ())) for number in years},
    )
    note = "国务院办公厅历年节假日安排。由 make_cn.py 生成，请勿手改；新通知另提版本。"
    sys.stdout.write(written(file, note))


if __name__ == "__main__":
    main()
