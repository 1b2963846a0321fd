"""Turnout measured beside other ways to deploy."""
