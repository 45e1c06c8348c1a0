"""What this room needs from the others, as protocols: `yichuang/web.py` hands the real ones in.

Methods without `async` may block (a database, a disk) and are called from worker threads; each
may be called from several threads at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from cases.reception import Reception
from forms.access_ports import Access
from forms.account_ports import Accounts, Granting, Lives
from forms.anomaly_ports import Anomalies
from forms.attached_ports import AttachedFiles
from forms.calendar_ports import Calendars
from forms.catalogue_ports import Catalogue
from forms.citizen_ports import Citizens
from forms.deputy_ports import Deputies
from forms.designer_ports import Designs
from forms.disclosure_ports import Disclosures
from forms.draft_ports import Drafts
from forms.duty_ports import Duty
from forms.entrance_ports import Entrance
from forms.erasure_ports import Erasures
from forms.fund_ports import Funds
from forms.habit_ports import Preferences, SavedFilters
from forms.incident_paper_ports import IncidentPapers
from forms.incident_ports import Incidents
from forms.intake_ports import Intake
from forms.keeping_ports import Keeping
from forms.letter_ports import DeadLetters
from forms.log_ports import LogBook
from forms.own_ports import Own
from forms.payment_ports import Payments
from forms.performance_ports import Performances
from forms.plan_ports import Plan
from forms.policy_ports import Policies
from forms.process_ports import Processes
from forms.project_ports import Projects
from forms.project_report_ports import ProjectReports
from forms.reader_ports import Reader
from forms.reading_ports import Readings
from forms.reason_ports import Reasons
from forms.receipt_ports import Receipts
from forms.register_ports import Registers
from forms.release_ports import Releases
from forms.responsibility_ports import ResponsibilityTable
from forms.rule_ports import RulePacks
from forms.signal_ports import Signals
from forms.suggestion_ports import Suggestions
from forms.supervision_ports import Census, Supervision
from forms.upload_ports import Uploads
from forms.warning_ports import Warnings


@dataclass(frozen=True)
class Ports:
    """All of it."""

    reception: Reception
    reader: Reader
    access: Access
    entrance: Entrance
    accounts: Accounts
    catalogue: Catalogue
    anomalies: Anomalies
    disclosures: Disclosures
    uploads: Uploads
    attached: AttachedFiles
    drafts: Drafts
    preferences: Preferences
    own: Own
    saved_filters: SavedFilters
    dead_letters: DeadLetters
    releases: Releases
    census: Census
    readings: Readings
    signals: Signals
    supervision: Supervision
    calendars: Calendars
    reasons: Reasons
    rules: RulePacks
    receipts: Receipts
    payments: Payments
    plan: Plan
    fund: Funds
    suggestions: Suggestions
    citizens: Citizens
    registers: Registers
    warnings: Warnings
    log: LogBook
    keeping: Keeping
    erasures: Erasures
    deputies: Deputies
    duty: Duty
    granting: Granting
    lives: Lives
    policies: Policies
    incidents: Incidents
    incident_papers: IncidentPapers
    responsibility: ResponsibilityTable
    intake: Intake
    projects: Projects
    performances: Performances
    project_reports: ProjectReports
    process: Processes
    designs: Designs


@dataclass(frozen=True)
class Options:
    """What an operator decides about the pages."""

    city_name: str
    address: str
    """Public address without trailing slash; printed on receipts, and the origin of every post."""
    hosts: tuple[str, ...]
    """Host names under which the pages may be called."""
    zone: str = "Asia/Shanghai"
    upload_limit_bytes: int = 20 * 1024 * 1024
    session_hours: int = 10
    wall_hours: int = 24
    session_idle_minutes: int = 15
    step_up_minutes: int = 15
    """How long the proof of a second factor is good for an act that cannot be taken back."""
    city_name_en: str = ""
    sign_ins_per_minute: int = 60
    """Of one address; a sign-in is two."""
    questions_per_minute: int = 20
    wrong_tokens_per_minute: int = 30
    pages_per_minute: int = 600
    """Of one account; a person who reads fast and a page that loads beside it stay below."""
    searches_per_minute: int = 60
    exports_per_minute: int = 60
    """Documents, materials, reports and tables of one account that leave as files."""
    orders_per_minute: int = 6_000
    """REST requests of one system."""
