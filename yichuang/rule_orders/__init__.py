"""The orders of `yichuang rules`, one module each."""
