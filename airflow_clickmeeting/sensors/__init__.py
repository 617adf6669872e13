"""What waits for webinars to happen."""
