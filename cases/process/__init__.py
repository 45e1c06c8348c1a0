"""What really happened, drawn: which step followed which, how often, after how long.

    mapped(steps) -> ProcessMap              counts and times of every arrow
    laid_out(map, words) -> Layout           where boxes, arrows and their words stand
    process_svg(map, words) -> str           the picture, for pages and for print

All pure. Steps come from `cases/process_rows.py`, which reads what each settled order left.
"""

from cases.process.mapped import (
    BEGIN,
    END,
    Arrow,
    Box,
    Happened,
    ProcessMap,
    Times,
    Way,
    mapped,
    mapped_from,
    told_as,
    without_rare,
)

__all__ = [
    "BEGIN",
    "END",
    "Arrow",
    "Box",
    "Happened",
    "ProcessMap",
    "Times",
    "Way",
    "mapped",
    "mapped_from",
    "told_as",
    "without_rare",
]
