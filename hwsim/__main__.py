"""`python -m hwsim`: the same as the console command."""

from hwsim.cli import main

main()
