"""Delete rooms and recordings: safety checks, the deletion itself, and the purge of old rooms."""
