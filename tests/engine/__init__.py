"""Tests of the engine on real SSH servers."""
