"""`python -m characterize`: the same as the console command."""

from characterize.cli import main

main()
