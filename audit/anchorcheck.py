"""Checking the tokens kept over a log's heads, as a part of verification."""

from audit.logstore import LogReader
from audit.report import Failure, VerifyReport
from audit.timestamps import TokenInvalid, TokenUnchecked, stamped_digest, verify_token


def check_anchors(reader: LogReader, report: VerifyReport, certificates: bytes | None) -> None:
    """Check every token against the head it is over, and note the newest time in the report.

    The heads themselves are checked by the walk. Without certificates the tokens are counted and
    said to be unchecked.
    """
    anchors = reader.anchors()
    if not anchors:
        return
    if certificates is None:
        report.notes.append(f"{len(anchors)} time-stamp tokens unchecked: no certificates")
        return
    notes = {head.size: head.note for head in reader.checkpoints()}
    for anchor in anchors:
        where = f"a token over the head of {anchor.size}"
        if anchor.size not in notes:
            report.fail(Failure("anchor", None, None, where, "no such head"))
            continue
        try:
            told = verify_token(anchor.token, stamped_digest(notes[anchor.size]), certificates)
        except TokenInvalid as error:
            report.fail(Failure("anchor", None, None, where, str(error)))
        except TokenUnchecked as error:
            report.notes.append(f"{len(anchors)} time-stamp tokens unchecked: {error}")
            return
        else:
            if told.at != anchor.at:
                said = f"{where} at {told.at.isoformat()}"
                report.fail(Failure("anchor", None, None, said, anchor.at.isoformat()))
            report.anchored, report.anchored_at = anchor.size, told.at
