"""Signals (信号): from a source's message to an incident, merged, none lost and none doubled."""
