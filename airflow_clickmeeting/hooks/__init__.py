"""Where ClickMeeting is asked: connections, retries and the two hooks."""
