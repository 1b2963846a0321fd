"""What the keys of the dashboard do. A key is one object; key bar, palette and help are computed from it."""
