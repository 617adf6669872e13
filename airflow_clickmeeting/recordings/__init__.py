"""Archive recordings: download and verify them, keep a manifest for each room, and delete them from ClickMeeting."""
