"""`python -m verify` is `condense`."""

from verify.cli import main

main()
