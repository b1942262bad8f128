"""The child process: what it is to do, starting, hearing and ending it."""
