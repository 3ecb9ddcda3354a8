"""``python -m examples.autoscaler``."""

import sys

from examples.autoscaler.run import main

if __name__ == "__main__":
    sys.exit(main())
