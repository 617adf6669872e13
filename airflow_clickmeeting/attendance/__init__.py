"""Who attended a session and for how long, as numbers, as a page and as a chart."""
