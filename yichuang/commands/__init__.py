"""One module per command of the command line; see yichuang/cli.py for what each must offer."""
