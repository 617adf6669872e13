"""Compute who attended a session and for how long, and show it as an HTML page with a chart."""
