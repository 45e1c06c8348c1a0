"""Notices on their way out: whom each goes to, what it says, and the channels that carry it."""
