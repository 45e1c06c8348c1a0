"""The holidays that the law fixes for everybody: what every yearly notice must hold.

全国年节及纪念日放假办法第二条, as it stood in each year. The dates by the lunar calendar (春节,
端午, 中秋) were worked out by the packages lunar_python 1.4.8 and lunardate 0.3.0, 清明 by
lunar_python; `holidays` 0.109 has each of them for 2008–2099, and no two differ (2026-11-26).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache

BASIS = "FJB-2"
"""全国年节及纪念日放假办法第二条 (catalogue/law.yaml)."""

_LUNAR = """
    1990 0127 0405 0528 1003  1991 0215 0405 0616 0922  1992 0204 0404 0605 0911
    1993 0123 0405 0624 0930  1994 0210 0405 0613 0920  1995 0131 0405 0602 0909
    1996 0219 0404 0620 0927  1997 0207 0405 0609 0916  1998 0128 0405 0530 1005
    1999 0216 0405 0618 0924  2000 0205 0404 0606 0912  2001 0124 0405 0625 1001
    2002 0212 0405 0615 0921  2003 0201 0405 0604 0911  2004 0122 0404 0622 0928
    2005 0209 0405 0611 0918  2006 0129 0405 0531 1006  2007 0218 0405 0619 0925
    2008 0207 0404 0608 0914  2009 0126 0404 0528 1003  2010 0214 0405 0616 0922
    2011 0203 0405 0606 0912  2012 0123 0404 0623 0930  2013 0210 0404 0612 0919
    2014 0131 0405 0602 0908  2015 0219 0405 0620 0927  2016 0208 0404 0609 0915
    2017 0128 0404 0530 1004  2018 0216 0405 0618 0924  2019 0205 0405 0607 0913
    2020 0125 0404 0625 1001  2021 0212 0404 0614 0921  2022 0201 0405 0603 0910
    2023 0122 0405 0622 0929  2024 0210 0404 0610 0917  2025 0129 0404 0531 1006
    2026 0217 0405 0619 0925  2027 0206 0405 0609 0915  2028 0126 0404 0528 1003
    2029 0213 0404 0616 0922  2030 0203 0405 0605 0912  2031 0123 0405 0624 1001
    2032 0211 0404 0612 0919  2033 0131 0404 0601 0908  2034 0219 0405 0620 0927
    2035 0208 0405 0610 0916  2036 0128 0404 0530 1004  2037 0215 0404 0618 0924
    2038 0204 0405 0607 0913  2039 0124 0405 0527 1002  2040 0212 0404 0614 0920
    2041 0201 0404 0603 0910  2042 0122 0404 0622 0928  2043 0210 0405 0611 0917
    2044 0130 0404 0531 1005  2045 0217 0404 0619 0925  2046 0206 0404 0608 0915
    2047 0126 0405 0529 1004  2048 0214 0404 0615 0922  2049 0202 0404 0604 0911
    2050 0123 0404 0623 0930  2051 0211 0405 0613 0919  2052 0201 0404 0601 0907
    2053 0219 0404 0620 0926  2054 0208 0404 0610 0916  2055 0128 0405 0530 1005
    2056 0215 0404 0617 0924  2057 0204 0404 0606 0913  2058 0124 0404 0625 1002
    2059 0212 0405 0614 0921  2060 0202 0404 0603 0909  2061 0121 0404 0622 0928
    2062 0209 0404 0611 0917  2063 0129 0405 0601 1006  2064 0217 0404 0619 0925
    2065 0205 0404 0608 0915  2066 0126 0404 0528 1003  2067 0214 0405 0616 0923
    2068 0203 0404 0604 0911  2069 0123 0404 0623 0929  2070 0211 0404 0613 0919
    2071 0131 0405 0602 0908  2072 0219 0404 0620 0926  2073 0207 0404 0610 0916
    2074 0127 0404 0530 1005  2075 0215 0404 0617 0924  2076 0205 0404 0606 0912
    2077 0124 0404 0624 1001  2078 0212 0404 0614 0920  2079 0202 0404 0604 0910
    2080 0122 0404 0622 0928  2081 0209 0404 0611 0917  2082 0129 0404 0601 1006
    2083 0217 0404 0619 0926  2084 0206 0404 0607 0914  2085 0126 0404 0527 1003
    2086 0214 0404 0615 0922  2087 0203 0404 0605 0911  2088 0124 0404 0623 0929
    2089 0210 0404 0613 0918  2090 0130 0404 0602 0908  2091 0218 0404 0621 0927
    2092 0207 0404 0609 0916  2093 0127 0404 0529 1005  2094 0215 0404 0617 0924
    2095 0205 0404 0606 0913  2096 0125 0404 0624 0930  2097 0212 0404 0614 0920
    2098 0201 0404 0604 0909  2099 0121 0404 0623 0929
"""
"""Year, then the Gregorian month and day of 正月初一, 清明, 端午 and 中秋."""


@cache
def statutory(year: int) -> dict[date, str]:
    """Return the days off that the law itself gives in a year, with their Chinese names.

    1990–2099; empty before 2000, when nobody here counts a deadline, and outside the table.
    Revisions: 1999-09-18 (三个黄金周), 2007-12-14 (除夕 and three new ones), 2013-12-11 (初一 to
    初三), 2024-11-10 (除夕 and 5-2 added). Days off in exchange (调休, 补假) are the notice's.
    """
    if year < 2000 or year not in _lunar():
        return {}
    spring, *others = _lunar()[year]
    days = dict.fromkeys(_spring(year, spring), "春节")
    days[date(year, 1, 1)] = "元旦"
    days.update(dict.fromkeys(_may(year), "劳动节"))
    days.update({date(year, 10, day): "国庆节" for day in (1, 2, 3)})
    if year >= 2008:
        for day, name in zip(others, ("清明节", "端午节", "中秋节"), strict=True):
            days[day] = f"{days[day]}、{name}" if day in days else name
    return dict(sorted(days.items()))


def _spring(year: int, first: date) -> Iterator[date]:
    before = 1 if 2008 <= year <= 2013 or year >= 2025 else 0
    after = 1 if 2008 <= year <= 2013 else 2
    return (first + timedelta(days=n) for n in range(-before, after + 1))


def _may(year: int) -> Iterator[date]:
    last = 3 if year <= 2007 else 1 if year <= 2024 else 2
    return (date(year, 5, day) for day in range(1, last + 1))


@cache
def _lunar() -> dict[int, tuple[date, date, date, date]]:
    words = _LUNAR.split()
    years = {}
    for place in range(0, len(words), 5):
        year = int(words[place])
        spring, clear, dragon, moon = (
            date(year, int(word[:2]), int(word[2:])) for word in words[place + 1 : place + 5]
        )
        years[year] = (spring, clear, dragon, moon)
    return years
