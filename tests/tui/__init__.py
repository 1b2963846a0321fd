"""Tests of what a person sees: Pilot, snapshots, and the command line."""
