"""Makes cn.yaml beside it from the package chinesecalendar; run by hand when a notice is out.

`python catalogue/calendars/make_cn.py > catalogue/calendars/cn.yaml`. The running system reads
only the file, never the package, so that a library upgrade cannot change a deadline.
"""

import sys
from datetime import date
from importlib.metadata import version

from chinese_calendar import constants


def listed(days: list[date]) -> str:
    return "[" + ", ".join(str(day) for day in days) + "]"


def main() -> None:
    off = sorted(constants.holidays)
    on = sorted(constants.workdays)
    years = sorted({day.year for day in off})
    lines = [
        "# 国务院办公厅历年节假日安排。由 make_cn.py 生成，请勿手改；新通知出来后升级该包再生成。",
        f"名称: cn\n版本: chinesecalendar-{version('chinesecalendar')}",
        f"来源: PyPI chinesecalendar {version('chinesecalendar')} (MIT)",
        f"起始: {years[0]}-01-01\n截止: {years[-1]}-12-31",
        '作息: ["09:00-12:00", "13:00-17:30"]',
        "年份:",
    ]
    for year in years:
        lines += [
            f"  {year}:",
            f"    放假: {listed([day for day in off if day.year == year])}",
            f"    上班: {listed([day for day in on if day.year == year])}",
        ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
