"""Leave a service of others alone for a while when it fails again and again."""

import time


class Breaker:
    """Counts failures in a row; after so many it says how long to rest."""

    def __init__(self, failures: int, rest_seconds: float) -> None:
        self._most = failures
        self._rest_seconds = rest_seconds
        self._failures = 0
        self._until = 0.0

    def rest(self) -> float:
        """For how many seconds nobody should ask; 0 when anybody may."""
        return max(0.0, self._until - time.monotonic())

    def failed(self) -> None:
        """Note that it is not well."""
        self._failures += 1
        if self._failures >= self._most:
            self._until = time.monotonic() + self._rest_seconds

    def worked(self) -> None:
        """Note that it answered, whatever it said."""
        self._failures = 0
