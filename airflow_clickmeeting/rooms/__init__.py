"""Rooms: finding one, comparing it with what is wanted, and making sure that it exists."""
