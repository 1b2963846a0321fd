"""What the screens show, computed from what the engine says: pure, no Textual import."""
