"""What the law permits and when an alarm is due: rule packs, their engine and its plain twin."""
