"""Checking the second tree: every leaf, tile, root and SM2 head of it, from the stored bodies.

A walk of its own over the bodies. What is wrong is named with `sm3` before the check's name, so
that a forgery of one tree alone is told from one of both.
"""

from collections.abc import Sequence

from audit.headcheck import HeadCheck
from audit.merkle import Frontier
from audit.report import Failure, VerifyReport
from audit.secondtree import SUFFIX, SecondTree
from audit.sm3 import SM3
from audit.tilecheck import TileCheck
from audit.trust import TrustPolicy

WHICH = "sm3"
"""Leads the name of each check of the second tree."""


def check_second_tree(
    tree: SecondTree, policy: TrustPolicy, report: VerifyReport, pins: Sequence[str] = ()
) -> None:
    """Add to the report what the second tree says; nothing where there is none and none is due.

    A policy that trusts a log `<origin>/sm3` asks for one. `pins` are its own kept heads. Without
    a key of it in the policy its heads are not believed, and the report says so.
    """
    origin = f"{report.origin}{SUFFIX}"
    due = origin in policy.origins
    begun = tree.begun()
    if begun is None:
        if pins:
            report.fail(Failure(f"{WHICH} pin", None, None, f"a tree {origin}", "none"))
        elif due and report.entries:
            report.incomplete.append(f"{origin}: the tree over SM3 has not begun")
        return
    own = _walk(tree, policy, pins, origin, due)
    for failure in own.failures:
        report.fail(_renamed(failure))
    for check, count in own.counts.items():
        named = sum(failure.check == check for failure in own.failures)
        report.counts[f"{WHICH} {check}"] += count - named
    report.incomplete += [f"{origin}: {said}" for said in own.incomplete]
    report.notes += [f"{origin}: {said}" for said in own.notes]
    if begun.size < report.entries:
        lacking = report.entries - begun.size
        report.incomplete.append(f"{origin}: {lacking} entries are not in the tree over SM3")
    report.second = own


def _walk(
    tree: SecondTree, policy: TrustPolicy, pins: Sequence[str], origin: str, due: bool
) -> VerifyReport:
    state = tree.state()
    own = VerifyReport(origin=state.origin)
    if state.origin != origin:
        own.fail(Failure("origin", None, None, origin, state.origin))
    frontier = Frontier(tree=SM3)
    tiles = TileCheck(tree, own, SM3, lowest_partial=0)
    heads = HeadCheck(tree, own, frontier, policy, {"pin": pins}) if due or pins else None
    if heads is None:
        own.incomplete.append("no key of it is trusted, so its heads were not read")
    else:
        heads.reach(0)
    for entry in tree.entries(0, state.size):
        leaf = SM3.leaf(entry.body)
        frontier.append(leaf)
        tiles.append(leaf)
        if heads is not None:
            heads.reach(frontier.size)
    tiles.finish(state.size)
    if heads is not None:
        heads.finish(state.size)
    if frontier.size != state.size:
        own.fail(Failure("size", frontier.size, None, str(state.size), str(frontier.size)))
    elif frontier.packed() != state.peaks:
        own.fail(Failure("frontier", None, None, state.peaks.hex(), frontier.packed().hex()))
    own.entries, own.root = frontier.size, frontier.root().hex()
    return own


def _renamed(failure: Failure) -> Failure:
    return Failure(
        f"{WHICH} {failure.check}",
        failure.index,
        failure.entry_id,
        failure.expected,
        failure.found,
        failure.until,
    )
