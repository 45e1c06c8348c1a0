"""Receipts made of a real log, and checked by the one file that a citizen is given."""

import ast
import base64
import json
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cryptography
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import Connection, Engine, insert, update

from audit import yichuang_verify
from audit.logstore import found_log
from audit.notes import COSIGNATURE, NoteVerifier, cosigned_text, signature_line
from audit.outbox import record
from audit.payloads import Payload, seal_payloads
from audit.proofs import prove
from audit.receiptcheck import check_receipt
from audit.receipts import NothingToProve, Purged, ReceiptMaker, Statement, file_name, spell_receipt
from audit.sequencer import Sequencer
from audit.shards import reading_all
from audit.signer import Signer, init_signer
from audit.tables import audit_anchor, audit_entry, log_metadata, outbox_metadata
from audit.timestamps import query, stamped_digest
from audit.vault import SubjectVault
from forms.receipt_page import FOLDER, verifier_page
from forms.words import VERBS
from tests.audit.authority import authority
from tests.audit.conftest import START, House, sqlite_engine
from tests.audit.forgeries import Forgery, forgeries

Draft = Callable[..., Any]
STATEMENT = Statement({"at": "2026-11-26T10:00:00Z"})


def everything(_body: Mapping[str, Any], _name: str) -> bool:
    return True


def settle(
    house: House,
    vault: SubjectVault,
    draft: Draft,
    numbers: range,
    stream: str = "case:C-1",
    closes: bool = False,
) -> None:
    """Record entries with a payload each; the last one closes the case."""
    for number in numbers:
        entry = draft(number, stream, closes=closes and number == numbers[-1])
        sealed = seal_payloads(vault, entry.id, [Payload("body", "citizen:1", b"%d" % number)])
        with house.cases.begin() as connection:
            record(connection, entry, sealed)


def seal(house: House) -> None:
    house.sequencer.drain()
    house.sequencer.seal()


@pytest.fixture
def maker(house: House, vault: SubjectVault) -> ReceiptMaker:
    return ReceiptMaker(partial(reading_all, house.log), house.sources, vault)


@pytest.fixture
def policy(house: House) -> str:
    return f"log {house.signer.verifier.vkey}\nquorum none\n"


def of_case(maker: ReceiptMaker, case_id: str = "C-1") -> bytes:
    return spell_receipt(maker.of_case(case_id, everything, STATEMENT))


def test_a_closed_case_is_genuine_and_complete(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> None:
    settle(house, vault, draft, range(100, 103), "case:C-2")
    settle(house, vault, draft, range(5), closes=True)
    seal(house)
    report = yichuang_verify.verify(of_case(maker), policy)
    assert (report.exit_code, report.marks, report.faults) == (0, [], [])
    assert [step["seq"] for step in report.steps] == [1, 2, 3, 4, 5]
    assert [one["text"] for one in report.disclosed] == ["0", "1", "2", "3", "4"]
    assert json.loads(of_case(maker))["entries"][-1]["index"] == 7


# --- forgeries ------------------------------------------------------------------------------------


def seal_elsewhere(folder: Path, draft: Draft, vault: SubjectVault, origin: str) -> dict[str, Any]:
    """Return the receipt of the same case in another city's log."""
    engine = sqlite_engine(folder / "elsewhere.db")
    log = sqlite_engine(folder / "elsewhere-log.db")
    outbox_metadata.create_all(engine)
    log_metadata.create_all(log)
    found_log(log, origin)
    init_signer(folder / "x.pem", folder / "x.json", origin)
    with closing(Signer(folder / "x.pem", folder / "x.json")) as signer:
        sequencer = Sequencer(log, {"cases": engine}, signer, trusted=signer.verifier)
        city = House(engine, engine, log, signer, sequencer)
        settle(city, vault, draft, range(5), closes=True)
        seal(city)
        made = ReceiptMaker(partial(reading_all, log), {"cases": engine}, vault).of_case(
            "C-1", everything, STATEMENT
        )
    for one in (engine, log):
        one.dispose()
    return made


@pytest.fixture
def forged(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, tmp_path: Path
) -> list[Forgery]:
    settle(house, vault, draft, range(100, 104), "case:C-2")
    settle(house, vault, draft, range(3))
    seal(house)
    old = maker.of_case("C-1", everything, STATEMENT)
    settle(house, vault, draft, range(3, 5), closes=True)
    settle(house, vault, draft, range(104, 108), "case:C-2", closes=True)
    seal(house)
    true, other = (maker.of_case(case_id, everything, STATEMENT) for case_id in ("C-1", "C-2"))
    foreign = seal_elsewhere(tmp_path, draft, vault, "test.example/audit/2026H2")
    return [Forgery("the true one", spell_receipt(true), 0), *forgeries(true, other, foreign, old)]


def test_every_forgery_gets_the_verdict_that_it_deserves(
    forged: list[Forgery], policy: str
) -> None:
    expected = {one.name: one.code for one in forged}
    alone = {one.name: yichuang_verify.verify(one.content, policy).exit_code for one in forged}
    assert alone == expected
    house = {one.name: check_receipt(one.content, policy).exit_code for one in forged}
    assert house == expected
    assert len(forged) > 60


# --- what is there only in part ------------------------------------------------------------------


def all_three(content: bytes, policy: str) -> tuple[int, list[str]]:
    """Return exit code and marks, once program and house agree on them."""
    alone, house = yichuang_verify.verify(content, policy), check_receipt(content, policy)
    assert (alone.exit_code, alone.marks) == (house.exit_code, house.marks)
    return alone.exit_code, alone.marks


def test_a_step_without_a_signed_head_is_marked(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> None:
    settle(house, vault, draft, range(2))
    assert all_three(of_case(maker), policy) == (2, ["unsealed", "not_closed"])
    seal(house)
    assert all_three(of_case(maker), policy) == (2, ["not_closed"])
    settle(house, vault, draft, range(2, 4), closes=True)  # in the outbox
    assert all_three(of_case(maker), policy) == (2, ["unsealed"])
    house.sequencer.drain()  # in the log, under no head
    assert all_three(of_case(maker), policy) == (2, ["unsealed"])
    seal(house)
    assert all_three(of_case(maker), policy) == (0, [])


def test_what_follows_the_closing_entry_is_counted_apart(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> None:
    settle(house, vault, draft, range(3), closes=True)
    settle(house, vault, draft, range(3, 4))
    seal(house)
    report = yichuang_verify.verify(of_case(maker), policy)
    assert report.exit_code == 0
    assert ("归档时写明共 3 条，一条不少；归档后另有 1 条") in [zh for zh, _ in report.checked]


def test_an_erased_subject_leaves_proofs_that_hold(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> None:
    settle(house, vault, draft, range(3), closes=True)
    seal(house)
    before = of_case(maker)
    vault.destroy("citizen:1")
    after = json.loads(of_case(maker))
    assert after["payloads"] == []
    assert [one["why"] for one in after["withheld"]] == ["erased"] * 3
    assert all_three(spell_receipt(after), policy) == (0, [])
    told = yichuang_verify.verify(spell_receipt(after), policy).unchecked
    assert "3 份内容据称已依法删除，只剩承诺，无从核对" in [zh for zh, _ in told]
    assert all_three(before, policy) == (0, [])  # what was handed out stays provable


def test_only_what_the_holder_may_see_is_disclosed(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> None:
    settle(house, vault, draft, range(3), closes=True)
    seal(house)
    made = maker.of_case("C-1", lambda body, _name: body["s"]["seq"] == 2, STATEMENT)
    assert [base64.b64decode(one["content"]) for one in made["payloads"]] == [b"1"]
    assert [one["why"] for one in made["withheld"]] == ["withheld"] * 2
    assert all_three(spell_receipt(made), policy) == (0, [])


def test_one_step_is_proved_by_itself(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> None:
    settle(house, vault, draft, range(9))
    seal(house)
    made = maker.of_entry(draft(4).id, everything, STATEMENT)
    assert (made["scope"], made["case"], len(made["entries"])) == ("entry", "C-1", 1)
    assert all_three(spell_receipt(made), policy) == (0, [])
    assert file_name(made) == f"entry-{draft(4).id}.yichuang-proof.json"
    assert all_three(spell_receipt(made | {"case": "C-2"}), policy)[0] == 1
    with pytest.raises(NothingToProve):
        maker.of_entry(draft(10).id, everything, STATEMENT)
    with pytest.raises(NothingToProve):
        maker.of_case("C-9", everything, STATEMENT)


@pytest.fixture
def witnessed(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> tuple[dict[str, Any], str]:
    """A receipt that two of three witnesses cosigned, and the policy that asks for two."""
    settle(house, vault, draft, range(3), closes=True)
    seal(house)
    made = maker.of_case("C-1", everything, STATEMENT)
    text = made["logs"][0]["checkpoint"].partition("\n\n")[0] + "\n"
    lines = policy.splitlines()[:1]
    for n in range(3):
        key = Ed25519PrivateKey.from_private_bytes(bytes([n + 1]) * 32)
        public = key.public_key().public_bytes_raw()
        verifier = NoteVerifier(f"w{n}.example", public, COSIGNATURE)
        lines.append(f"witness w{n} {verifier.vkey}")
        if n < 2:
            at = 1_796_000_000 + n
            signed = at.to_bytes(8) + key.sign(cosigned_text(text.encode(), at))
            made["logs"][0]["checkpoint"] += signature_line(verifier, signed) + "\n"
    return made, "\n".join([*lines, "group two 2 w0 w1 w2", "quorum two", ""])


def test_a_quorum_of_witnesses_vouches(witnessed: tuple[dict[str, Any], str]) -> None:
    made, policy = witnessed
    assert all_three(spell_receipt(made), policy) == (0, [])
    told = yichuang_verify.verify(spell_receipt(made), policy).vouchers
    assert [zh for zh, _ in told][1:] == [
        "见证方 w0 于 2026-11-30 08:53（北京时间） 联署",
        "见证方 w1 于 2026-11-30 08:53（北京时间） 联署",
    ]


def test_cosignatures_short_of_the_quorum_are_marked_and_false_ones_refused(
    witnessed: tuple[dict[str, Any], str],
) -> None:
    made, policy = witnessed
    note = made["logs"][0]["checkpoint"]

    def said(checkpoint: str, trust: str = policy) -> tuple[int, list[str]]:
        log = made["logs"][0] | {"checkpoint": checkpoint}
        return all_three(spell_receipt(made | {"logs": [log]}), trust)

    lines = note.splitlines(keepends=True)
    assert said("".join(lines[:-1])) == (2, ["quorum"])
    assert said(note, policy.replace("two 2", "two all")) == (2, ["quorum"])
    name, _, line = lines[-1].rpartition(" ")
    raw = bytearray(base64.b64decode(line))
    raw[11] ^= 1  # the time, which is signed too
    assert said("".join(lines[:-1]) + f"{name} {base64.b64encode(raw).decode()}\n")[0] == 1
    # A witness's line where the log's own must stand.
    assert said("".join([*lines[:-3], *lines[-2:]]))[0] == 1
    assert said(note, policy.replace("quorum two\n", ""))[0] == 3
    assert said(note, policy.replace("quorum two", "quorum three"))[0] == 3
    assert said(note, policy.replace("\nwitness w1 ", "\nwitness w0 "))[0] == 3
    assert said(note, policy + policy.splitlines()[0] + "\n")[0] == 3
    assert said(note, policy[:-1])[0] == 3


def test_what_retention_has_purged_has_no_receipt_any_more(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker
) -> None:
    settle(house, vault, draft, range(3), closes=True)
    seal(house)
    with house.log.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_entry_no_update")
        connection.execute(update(audit_entry).where(audit_entry.c.seq == 1).values(body=b""))
    with pytest.raises(Purged):
        maker.of_case("C-1", everything, STATEMENT)
    with pytest.raises(Purged):
        maker.of_entry(draft(1).id, everything, STATEMENT)


@contextmanager
def opened(engines: Sequence[Engine]) -> Iterator[list[Connection]]:
    with ExitStack() as stack:
        yield [stack.enter_context(engine.connect()) for engine in engines]


def test_a_case_may_run_across_two_logs(
    house: House, vault: SubjectVault, draft: Draft, policy: str, tmp_path: Path
) -> None:
    settle(house, vault, draft, range(2))
    seal(house)
    later = sqlite_engine(tmp_path / "later.db")
    log_metadata.create_all(later)
    found_log(later, "city.example/audit/2027H1")
    init_signer(tmp_path / "l.pem", tmp_path / "l.json", "city.example/audit/2027H1")
    with closing(Signer(tmp_path / "l.pem", tmp_path / "l.json")) as signer:
        sequencer = Sequencer(later, house.sources, signer, trusted=signer.verifier)
        house = House(house.cases, house.web, later, signer, sequencer)
        settle(house, vault, draft, range(2, 4), closes=True)
        seal(house)
        public = signer.verifier.public
    log = next(iter(policy.splitlines())).split()[1]
    engines = [sqlite_engine(tmp_path / "log.db"), later]
    maker = ReceiptMaker(partial(opened, engines), house.sources, vault)
    content = of_case(maker)
    both = f"{policy}log {NoteVerifier('city.example/audit/2027H1', public).vkey}\n"
    assert all_three(content, both) == (0, [])
    assert all_three(content, policy)[0] == 1  # the second log is nobody's
    receipt = json.loads(content)
    assert [(one["log"], one["index"]) for one in receipt["entries"]] == [
        (0, 0), (0, 1), (1, 0), (1, 1)
    ]  # fmt: skip
    # Only the newer half: its first entry is the third.
    assert (
        all_three(of_case(ReceiptMaker(partial(opened, [later]), house.sources, vault)), both)[0]
        == 1
    )
    # A closed shard under a key that stands in the file already.
    known = NoteVerifier.parse(log)
    again = NoteVerifier("city.example/audit/2026H1", known.public).vkey
    assert all_three(content, f"{both}#yichuang log {again}\n") == (0, [])
    assert all_three(content, f"{both}#yichuang log {log}\n")[0] == 3
    assert all_three(content, f"{both}log {again}\n")[0] == 3
    for engine in engines:
        engine.dispose()


@pytest.fixture
def timed(witnessed: tuple[dict[str, Any], str]) -> tuple[bytes, list[tuple[str, int]]]:
    """A witnessed receipt (head of size 3), and policies with the code that each gives it."""
    made, policy = witnessed
    vkey = policy.split()[1]
    bare = policy.splitlines()[0] + "\nquorum none\n"
    told = [
        (policy, "from 0", 0), (policy, "from 3 until 3", 0), (policy, "from 4", 1),
        (policy, "from 0 until 2", 1), (policy, "from 0 revoked 3", 0),
        (policy, "from 0 revoked 2", 1), (bare, "from 0 revoked 3", 1), (bare, "from 0", 0),
        (policy, "until 3", 3), (policy, "from 03", 3), (policy, "from 0 from 1", 3),
        (policy, "from 0 since 1", 3), (policy, f"from 0\n#yichuang key {vkey} from 0", 3),
    ]  # fmt: skip
    return spell_receipt(made), [
        (f"{text}#yichuang key {vkey} {period}\n", code) for text, period, code in told
    ]


def test_a_key_is_trusted_at_its_sizes_only(
    timed: tuple[bytes, list[tuple[str, int]]],
) -> None:
    content, told = timed
    for policy, code in told:
        assert all_three(content, policy)[0] == code, policy.splitlines()[-1]


@pytest.fixture
def stamped(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, tmp_path: Path
) -> Iterator[tuple[dict[str, Any], str, str]]:
    """A receipt with a token, the authority's certificate, and that of another."""
    settle(house, vault, draft, range(3), closes=True)
    seal(house)
    with authority(tmp_path / "tsa") as here, authority(tmp_path / "other") as other:
        note = house.head()
        token = here.reply(query(stamped_digest(note)))
        with house.log.begin() as connection:
            connection.execute(
                insert(audit_anchor).values(size=3, kind="rfc3161", at=START, token=token)
            )
        settle(house, vault, draft, range(50, 52), "case:C-2")
        seal(house)  # the newest head has no token
        made = maker.of_case("C-1", everything, STATEMENT)
        yield made, here.certificates, other.certificates


def test_a_token_is_carried_and_its_authority_asked_for(
    stamped: tuple[dict[str, Any], str, str], policy: str
) -> None:
    made, trusted, other = stamped
    assert made["logs"][0]["checkpoint"].split("\n")[1] == "3"
    content = spell_receipt(made)
    certificates = [x509.load_pem_x509_certificate(one.encode()) for one in (trusted, other)]
    known = yichuang_verify.verify(content, policy, certificates[:1])
    assert (known.exit_code, check_receipt(content, policy, trusted.encode()).exit_code) == (0, 0)
    assert any("证明这个树头在" in zh for zh, _ in known.vouchers)
    unknown = yichuang_verify.verify(content, policy)
    assert unknown.exit_code == check_receipt(content, policy).exit_code == 0
    assert any("其机构没有核对" in zh for zh, _ in unknown.unchecked)
    strange = yichuang_verify.verify(content, policy, certificates[1:])
    assert [one["code"] for one in strange.faults] == ["token"]
    assert check_receipt(content, policy, other.encode()).exit_code == 1


def test_a_token_of_another_head_or_altered_is_refused(
    stamped: tuple[dict[str, Any], str, str], maker: ReceiptMaker, policy: str
) -> None:
    made, trusted, _ = stamped
    elsewhere = maker.of_case("C-2", everything, STATEMENT)
    assert "token" not in elsewhere["logs"][0]
    token = base64.b64decode(made["logs"][0]["token"])
    elsewhere["logs"][0]["token"] = base64.b64encode(token).decode()
    assert all_three(spell_receipt(elsewhere), policy)[0] == 1
    for altered in (b"", token[:40], token[:-1], b"\x30\x80" + token, b"\x30" * 4000):
        made["logs"][0]["token"] = base64.b64encode(altered).decode()
        assert all_three(spell_receipt(made), policy)[0] == 1
    # Another time in the token: its own signature no longer holds.
    at = token.index(b"\x18\x0f") + 5
    later = token[:at] + (b"0" if token[at : at + 1] != b"0" else b"1") + token[at + 1 :]
    made["logs"][0]["token"] = base64.b64encode(later).decode()
    assert yichuang_verify.verify(spell_receipt(made), policy).exit_code == 1
    assert check_receipt(spell_receipt(made), policy, trusted.encode()).exit_code == 1


def papers(content: bytes) -> list[tuple[bytes, int]]:
    """Return PDFs with this file inside, and the code that each deserves."""
    head, packed = b"%PDF-1.7\n1 0 obj\n", zlib.compress(content)

    def inside(data: bytes, length: int, how: bytes = b"/Filter /FlateDecode") -> bytes:
        said = b"<</Type /EmbeddedFile%b/Length %d>>\nstream\n" % (how, length)
        return said + data + b"\nendstream\n"

    one = inside(packed, len(packed))
    bomb = zlib.compress(bytes(64 * 1024 * 1024), 9)
    return [
        (head + one, 0), (head + one + one, 3), (head, 3), (head + inside(packed, 9), 3),
        (head + inside(content, len(content)), 3), (head + inside(bomb, len(bomb)), 3),
        (head + inside(content, len(content), b""), 3),
    ]  # fmt: skip


def test_the_file_inside_a_paper_is_checked(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> None:
    settle(house, vault, draft, range(3), closes=True)
    seal(house)
    for content, code in papers(of_case(maker)):
        assert all_three(content, policy)[0] == code


# --- alone ---------------------------------------------------------------------------------------

PROGRAM = Path(yichuang_verify.__file__)


@pytest.fixture
def alone(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a copy of the program where nothing but `cryptography` can be imported."""
    folder, packages = tmp_path / "alone", tmp_path / "packages"
    folder.mkdir()
    packages.mkdir()
    program = folder / "yichuang-verify.py"
    shutil.copy(PROGRAM, program)
    site = Path(cryptography.__file__).parents[1]
    for name in ("cryptography", "cffi", "pycparser"):
        if (site / name).exists():
            (packages / name).symlink_to(site / name)
    for built in site.glob("_cffi_backend*"):
        (packages / built.name).symlink_to(built)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", str(program), *map(str, arguments)],
            env={"PYTHONPATH": str(packages), "PYTHONIOENCODING": "utf-8"},
            cwd=folder, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run


def test_the_program_runs_alone_on_receipts_and_single_proofs(
    house: House,
    vault: SubjectVault,
    draft: Draft,
    maker: ReceiptMaker,
    policy: str,
    tmp_path: Path,
    alone: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    settle(house, vault, draft, range(9), closes=True)
    seal(house)
    trust, receipt = tmp_path / "log.policy", tmp_path / "case.json"
    trust.write_text(policy)
    receipt.write_bytes(of_case(maker))
    said = alone(receipt, "--policy", trust)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith("结论：真实：内容与签名一致\n")
    assert "没有见证方" not in said.stdout and "只有办事机关自己的签名作保" in said.stdout
    with house.log.connect() as connection:
        proof = prove(connection, draft(4).id)
    (tmp_path / "step.tlog-proof").write_text(proof.text)
    (tmp_path / "step.body").write_bytes(proof.entry.body)
    said = alone(tmp_path / "step.tlog-proof", "--policy", trust, "--json")
    assert (said.returncode, json.loads(said.stdout)["steps"][0]["index"]) == (0, 4)
    (tmp_path / "step.body").write_bytes(proof.entry.body + b" ")
    assert alone(tmp_path / "step.tlog-proof", "--policy", trust).returncode == 1
    assert alone(tmp_path / "none.json", "--policy", trust).returncode == 3
    assert alone(receipt).returncode == 3
    with (tmp_path / "huge.json").open("wb") as huge:
        huge.truncate(100 * 1024 * 1024)
    assert alone(tmp_path / "huge.json", "--policy", trust).returncode == 3


def test_the_program_is_python_3_9() -> None:
    ast.parse(PROGRAM.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_a_case_of_twenty_steps_is_small(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> None:
    for number in range(20):
        drafts = [draft(1000 + 60 * number + n, f"case:D-{n}") for n in range(60)]
        house.record(*drafts)
        settle(house, vault, draft, range(number, number + 1), closes=number == 19)
        house.sequencer.drain()
    house.sequencer.seal()
    made = of_case(maker)
    assert all_three(made, policy) == (0, [])
    assert len(zlib.compress(made, 9)) < 15 * 1024  # 11,540 in a log of 1,220 (2026-11-26)


# --- in the browser ------------------------------------------------------------------------------

CHROMIUM = Path("/usr/bin/chromium")
in_browser = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, tmp_path: Path, policy: str) -> Iterator[Page]:
    """The saved page, opened from its file with the network off."""
    saved = tmp_path / "回执核验.html"
    saved.write_bytes(verifier_page("云川市", policy).content)
    context = chromium.new_context(offline=True, viewport={"width": 1366, "height": 768})
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text))
    page.on(
        "request", lambda asked: None if asked.url == saved.as_uri() else wrong.append(asked.url)
    )
    page.goto(saved.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page
    context.close()
    assert wrong == []


VERIFY = """async ([content, policy]) => {
  const report = await verify(Uint8Array.from(atob(content), (c) => c.charCodeAt(0)), policy);
  delete report.receipt;
  return report;
}"""


def asked(page: Page, content: bytes, policy: str) -> dict[str, Any]:
    """Return the page's report of a file."""
    found: dict[str, Any] = page.evaluate(VERIFY, [base64.b64encode(content).decode(), policy])
    return found


def same_in_page(page: Page, content: bytes, policy: str, name: str = "") -> int:
    """Return the exit code of page and program, once they say the same in every part."""
    said, expected = asked(page, content, policy), yichuang_verify.verify(content, policy).as_json()
    for part in ("faults", "marks", "steps", "disclosed", "checked", "vouchers", "unchecked"):
        theirs, ours = said[part], expected[part]
        if part == "faults":
            theirs, ours = ([(f["code"], f["where"]) for f in side] for side in (theirs, ours))
        if part == "unchecked":  # of a token the page and the program say different things
            theirs, ours = ([one["en"] for one in side if "token" not in one["en"]]
                            for side in (theirs, ours))  # fmt: skip
        assert theirs == ours, (name, part)
    assert said["exit_code"] == expected["exit_code"], name
    return int(said["exit_code"])


@in_browser
@pytest.mark.browser
@pytest.mark.long
def test_the_page_knows_witnesses_and_erasure(
    page: Page, witnessed: tuple[dict[str, Any], str], maker: ReceiptMaker, vault: SubjectVault
) -> None:
    made, policy = witnessed
    assert same_in_page(page, spell_receipt(made), policy) == 0
    assert same_in_page(page, spell_receipt(made), policy.replace("two 2", "two all")) == 2
    alone = policy.splitlines()[0]
    also = "\n".join([alone, alone.replace("log ", "#yichuang log ", 1), "quorum none", ""])
    assert same_in_page(page, spell_receipt(made), also) == 3
    assert same_in_page(page, spell_receipt(made), "") == 3
    for content, code in papers(spell_receipt(made)):
        assert same_in_page(page, content, policy) == code
    vault.destroy("citizen:1")
    assert same_in_page(page, of_case(maker), f"{alone}\nquorum none\n") == 0


@in_browser
@pytest.mark.browser
@pytest.mark.long
def test_the_page_trusts_a_key_at_its_sizes_only(
    page: Page, timed: tuple[bytes, list[tuple[str, int]]]
) -> None:
    content, told = timed
    for policy, code in told:
        assert same_in_page(page, content, policy) == code, policy.splitlines()[-1]


@in_browser
@pytest.mark.browser
@pytest.mark.long
def test_the_page_and_the_program_say_the_same_of_every_forgery(
    page: Page, forged: list[Forgery], policy: str
) -> None:
    for one in forged:
        assert same_in_page(page, one.content, policy, one.name) == one.code, one.name


def test_the_page_calls_acts_as_the_clerks_do() -> None:
    script = (FOLDER / "verifier.js").read_text(encoding="utf-8")
    found = re.search(r"^const ACTS = ({.*?\n});", script, re.M | re.S)
    assert found and json.loads(found[1]) == VERBS


@in_browser
@pytest.mark.browser
@pytest.mark.long
@pytest.mark.parametrize("width", [390, 1366])
def test_a_person_is_shown_the_verdict_off_line(
    page: Page, forged: list[Forgery], tmp_path: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for name, words in (
        ("the true one", "真实：内容与签名一致"),
        ("the act of an entry altered", "不可信"),
    ):
        file = tmp_path / f"{name}.json"
        file.write_bytes(next(one.content for one in forged if one.name == name))
        page.set_input_files("#file", file)
        expect(page.locator(".verdict")).to_contain_text(words)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.screenshot(path=f"/tmp/shot-{words[:2]}-{width}.png", full_page=True)
    page.get_by_text("信任文件：信哪些日志").click()
    page.fill("#policy", "quorum none\n")
    expect(page.locator(".verdict")).to_contain_text("不可信")
