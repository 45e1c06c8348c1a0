"""The orders of `yichuang policy`."""
