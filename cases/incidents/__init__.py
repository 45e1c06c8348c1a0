"""Incidents (突发事件): plain values and pure arithmetic; no rows, no servers."""
