"""What the person's OpenSSH configuration says of a destination; loads no SSH library, and is asked beside that."""

from core.sshconfig.book import Book
from core.sshconfig.destination import Destination, target
from core.sshconfig.options import Options, Target

__all__ = ["Book", "Destination", "Options", "Target", "target"]
