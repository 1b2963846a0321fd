"""The logs of the application: followed live from the servers, read line by line, with their levels and rates."""
