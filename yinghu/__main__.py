"""`python -m yinghu`: the same as the command `yinghu`."""

import sys

from yinghu.cli import main

sys.exit(main())
