"""`python -m headstart`: the same program as `headstart`."""

from headstart.commands.app import main

main()
