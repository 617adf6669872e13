"""Run a local server that behaves like ClickMeeting, for demonstrations and tests.

The sandbox shares no code with the client side, so that an error in the client cannot hide behind the same error here.
"""
