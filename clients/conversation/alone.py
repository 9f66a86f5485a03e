"""Work on one thing at a time: who comes meanwhile leaves it to whoever is at it."""

from collections.abc import Awaitable, Callable, Hashable


class Alone:
    """Of a process; what others do, the database has to keep apart.

    A citizen who writes three messages at once leaves three tasks: the first does what all of
    them want, where three would do the same at the same time.
    """

    def __init__(self) -> None:
        self._again: dict[Hashable, bool] = {}

    async def run(self, key: Hashable, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work, and once more when somebody wanted it meanwhile; they return at once.

        What the work raises is raised here alone: whoever calls this must then come again, for
        all who returned.
        """
        if key in self._again:
            self._again[key] = True
            return
        self._again[key] = True
        try:
            while self._again[key]:
                self._again[key] = False
                await work()
        finally:
            del self._again[key]
