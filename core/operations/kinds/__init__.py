"""The operations, a file each: its request, and the class that plans it and carries it out."""
