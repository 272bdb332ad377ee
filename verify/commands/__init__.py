"""The commands of `condense`, one a file; each is imported when it is called."""
