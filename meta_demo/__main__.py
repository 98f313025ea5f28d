"""`python -m meta_demo`: the command line."""

import sys

from meta_demo.cli import main

if __name__ == "__main__":
    sys.exit(main())
