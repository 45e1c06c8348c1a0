"""What was measured, each against a baseline of the same run: `bin/yichuang bench NAME --json`."""
