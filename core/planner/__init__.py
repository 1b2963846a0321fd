"""Plans made from inspected state: a module for each operation, and what they share (pure)."""
