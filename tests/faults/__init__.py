"""Tests that break things while an operation runs."""
