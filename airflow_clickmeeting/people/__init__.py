"""Lists of people: read, checked, and registered or invited once."""
