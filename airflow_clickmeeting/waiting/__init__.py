"""What sensors and triggers share: the conditions that they wait for, the pauses between polls, and shared requests."""
