"""Data out of ClickMeeting to files."""
