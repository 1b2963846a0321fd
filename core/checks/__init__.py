"""Checks after the switch. Each kind of check is a module here, named after the kind; `attempts` tries them."""
