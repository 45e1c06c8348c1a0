"""`yichuang responsibility`: who is sent to which incident, and why."""

import argparse
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from cases.database import StoreUnwritable, open_engine, reading
from cases.incident_lines import learned_lines
from cases.incidents.place import Place
from cases.incidents.routing import Learned, Routed, cell_of, route
from catalogue.incident_types import IncidentType
from catalogue.load import Catalogue
from yichuang.released import shipped
from yichuang.settings import Settings
from yichuang.terminal import complain, say, say_json

HELP = "责任清单：某类事件在某处由谁处置、为什么 (who is sent to which incident, and why)"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("type", nargs="?", help="事件种类，如 gas_leak；不写则逐类列出 (kind)")
    parser.add_argument("--at", default="", metavar="经度,纬度", help="WGS-84 (longitude,latitude)")
    parser.add_argument("--cell", default="", help="单元网格编码 (cell of the grid)")
    parser.add_argument("--owner", default="", help="部件上标明的属主 (owner marked on the part)")
    parser.add_argument(
        "--refused", nargs="*", default=[], metavar="部门", help="已退单的部门 (who refused)"
    )
    parser.add_argument("--json", action="store_true", help="以 JSON 输出 (as JSON)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print who would be sent now; 0, or 2 when the question names something unknown."""
    catalogue = shipped()
    kinds = catalogue.incident_types.by_code
    if args.type and args.type not in kinds:
        complain(f"没有事件种类「{args.type}」：{'、'.join(sorted(kinds))}")
        return 2
    try:
        place = _place(args.at, args.cell)
    except ValueError as wrong:
        complain(f"--at 应为「经度,纬度」：{wrong}")
        return 2
    if args.cell and args.cell not in catalogue.grid.cell_by_id:
        complain(f"没有网格「{args.cell}」")
        return 2
    learned = _learned(settings)
    asked = [kinds[args.type]] if args.type else list(kinds.values())
    found = [
        (kind, route(kind, place, catalogue.responsibility, catalogue.grid, learned,
                     owner=args.owner, refused=args.refused))
        for kind in asked
    ]  # fmt: skip
    if args.json:
        say_json([_as_json(kind, routed) for kind, routed in found])
        return 0
    _tell(catalogue, place, found)
    if not args.type:
        for line in _lessons(catalogue, learned, ZoneInfo(settings.zone)):
            say(line)
    return 0


def _place(at: str, cell: str) -> Place:
    if not at:
        return Place(cell=cell)
    lon, lat = (float(one) for one in at.split(","))
    return Place(lon=lon, lat=lat, cell=cell)


def _learned(settings: Settings) -> tuple[Learned, ...]:
    """Return what rulings taught; nothing, said aloud, where the city was not set up yet."""
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        with reading(engine) as connection:
            return learned_lines(connection)
    except (SQLAlchemyError, StoreUnwritable):
        complain("读不到办件库，以下没有计入仲裁裁定")
        return ()
    finally:
        engine.dispose()


def _tell(
    catalogue: Catalogue, place: Place, found: list[tuple[IncidentType, tuple[Routed, ...]]]
) -> None:
    cell = cell_of(place, catalogue.grid)
    names = {one.code: one.short for one in catalogue.city.departments}
    say(f"地点  {cell.name if cell else '不明（不在网格内）'}")
    for kind, routed in found:
        say(f"{kind.name}（{kind.code}，{'部件' if kind.kind == 'part' else '事件'}）")
        for one in routed:
            part = "牵头" if one.lead else "协同"
            say(f"  {part}  {names[one.department]}  {one.why}  [{one.basis}]")


def _lessons(catalogue: Catalogue, learned: tuple[Learned, ...], zone: ZoneInfo) -> list[str]:
    """Return what rulings taught, in words."""
    names = {one.code: one.short for one in catalogue.city.departments}
    kinds = catalogue.incident_types.by_code

    def on(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")

    return [
        f"裁定  {kinds[one.type].name}，{names.get(one.street, '全市')}：{names[one.department]}"
        f"  {one.number}  {on(one.ruled_at)}"
        for one in learned
    ]


def _as_json(kind: IncidentType, routed: tuple[Routed, ...]) -> dict[str, object]:
    return {
        "type": kind.code,
        "routed": [
            {"department": one.department, "lead": one.lead, "why": one.why,
             "basis": one.basis, "line": one.line}
            for one in routed
        ],
    }  # fmt: skip
