"""Find out how an account answers where the API is in doubt, with read-only requests."""
