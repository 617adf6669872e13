"""The archive of recordings: its manifest and how recordings get into it."""
