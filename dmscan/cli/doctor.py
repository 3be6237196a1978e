"""`dmscan doctor`: is everything as it should be?"""

from __future__ import annotations
