"""The doors for people and, over HTTP, for systems. Knows HTTP; no SQL, no law, no Temporal."""
