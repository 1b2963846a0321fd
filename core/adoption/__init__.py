"""Layouts that other deploy tools left: whose they are, and what their files tell; a module for each tool (pure)."""
