"""`python -m compress`: the same as the console command."""

from compress.cli import main

main()
