"""Plant the bug that PLANTED_BUG names in a process that is just starting (see `tests.planted.planting`)."""

import os

from tests.planted.bugs import BUGS
from tests.planted.planting import VARIABLE, plant

plant(BUGS[os.environ[VARIABLE]])
