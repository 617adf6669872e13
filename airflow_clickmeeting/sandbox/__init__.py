"""A ClickMeeting of your own on loopback, for demonstrations and tests. It shares no code with the client side."""
