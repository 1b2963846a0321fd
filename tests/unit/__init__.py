"""Tests of pure code and of the pieces the other tests stand on."""
