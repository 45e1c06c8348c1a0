"""Accounts of the web store."""

ADMINISTRATORS = ("sysadmin", "secadmin", "auditadmin")
"""系统、安全、审计管理员: one person holds at most one, and then nothing else (三员分立,
GB/T 22239-2019 8.1.4.2 d)."""
