"""Reports for people: one HTML page that needs nothing but itself, and plots as PNG."""
