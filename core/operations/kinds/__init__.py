"""The operations, a file each: the request, and the class that plans it and carries it out."""
