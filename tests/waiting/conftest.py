"""The account of the tests that wait."""

from waiting_account import *  # noqa: F403 - fixtures
