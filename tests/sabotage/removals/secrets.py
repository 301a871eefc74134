"""What seals, redacts, limits and erases."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"

SECRETS = (
    Removal(
        "key-prefix",
        "the tenant in a key of Valkey",
        f"{_SRC}/db/redis.py",
        '        self._prefix = f"k1:{{{braced}}}:"',
        '        self._prefix = "k1:{tenant}:"',
        "tests/channels/test_redis.py::test_two_tenants_never_meet",
    ),
    Removal(
        "key-escape",
        "the escaping of a key's parts",
        f"{_SRC}/db/redis.py",
        '    return part.replace("%", "%25").replace(":", "%3A")',
        "    return part",
        "tests/channels/test_redis.py::test_two_names_never_share_a_key",
    ),
    Removal(
        "associated-data",
        "the place in an envelope's associated data",
        f"{_SRC}/kit/crypto.py",
        "    for part in parts:\n        kind, data = _encode(part)",
        "    for part in parts[:0]:\n        kind, data = _encode(part)",
        "tests/vault/test_envelope.py::test_a_secret_moved_elsewhere_does_not_open_though_the_key_is_right",
    ),
    Removal(
        "shred",
        "the destruction of an erased tenant's key",
        f"{_SRC}/tenants/erase.py",
        "        await self._vault.shred(scope)\n",
        "",
        "tests/tenants/test_erase.py::test_nothing_is_left_and_the_neighbour_is_as_before",
    ),
    Removal(
        "purge-of-valkey",
        "the purge of an erased tenant's keys",
        f"{_SRC}/tenants/erase.py",
        "            gone = await self._redis.tenant(scope).purge()\n",
        "            gone = 0\n",
        "tests/tenants/test_erase.py::test_nothing_is_left_and_the_neighbour_is_as_before",
    ),
    Removal(
        "redactor-slack",
        "the redactor's rule for Slack's tokens",
        f"{_SRC}/kit/redaction.py",
        '_SLACK = re.compile(r"(?:xox[a-z]|xapp)[-.][\\w.%-]{4,}", re.IGNORECASE)',
        '_SLACK = re.compile(r"(?!)")',
        "tests/operability/test_redaction.py::test_a_secret_is_gone_wherever_it_stands",
    ),
    Removal(
        "redactor-email",
        "the redactor's rule for addresses",
        f"{_SRC}/kit/redaction.py",
        '_EMAIL = re.compile(r"[\\w.+%\'-]{1,64}@[\\w-]{1,63}(?:\\.[\\w-]{1,63})+")',
        '_EMAIL = re.compile(r"(?!)")',
        "tests/operability/test_redaction.py::test_a_secret_is_gone_wherever_it_stands",
    ),
    Removal(
        "budget",
        "a tenant's limit on model costs",
        f"{_SRC}/llm/budget_repository.py",
        '    " AND {row}.spent_micro + greatest(0, {row}.reserved_micro - gone.micro) + $2 <= {row}.limit_micro))"',
        '    " AND {row}.spent_micro + greatest(0, gone.micro) + $2 <= {row}.limit_micro + {row}.spent_micro + $2))"',
        "tests/llm/test_repositories.py::test_calls_at_the_same_time_do_not_pass_the_limit",
    ),
)
