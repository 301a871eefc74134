"""How many files a process may hold open: each waiting model call and each webhook connection is one."""

from __future__ import annotations

import resource


def allow_many_files() -> int:
    """Raise the process's soft limit of open files to its hard limit, 65,536 at most; return the limit in force.

    The usual soft limit of 1,024 ends a worker at about 1,000 waiting turns.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
