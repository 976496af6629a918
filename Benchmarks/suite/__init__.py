"""The benchmark's parts: a module for the server, for its functions, for the load, for the yardsticks, and for each row of the table."""
