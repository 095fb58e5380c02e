"""Check results, rows set aside, runs, and the coverage of each signal."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, NUMBER, TEXT, TEXTS, WHOLE, Mart

CHECK_RESULTS = Mart(
    "check_results", "expectation", ("table", "expectation", "column"),
    {
        "table": (TEXT, "canonical table"),
        "column": (TEXT, "column; empty for a rule about the whole table"),
        "expectation": (TEXT, "name of the rule"),
        "says": (TEXT, "the rule in words"),
        "severity": (TEXT, "critical, warning or info, after this company's overrides"),
        "success": (FLAG, "whether the rule holds; empty if it could not be judged"),
        "rows": (WHOLE, "rows checked"),
        "failed_rows": (WHOLE, "rows that break the rule"),
        "observed": (TEXT, "observed value, for a rule about a whole table"),
        "sample_keys": (TEXTS, "keys of the first failing rows"),
        "remedy": (TEXT, "how to fix it"),
        "reason": (TEXT, "reason of a severity override"),
        "not_judged": (TEXT, "why the rule could not be judged, such as columns that are not given"),
    },
)  # fmt: skip

QUARANTINE_MART = Mart(
    "quarantine", "row that a mapping set aside", ("table", "key", "reason", "event_on"),
    {
        "table": (TEXT, "canonical table"),
        "key": (TEXT, "key of the row"),
        "reason": (TEXT, "why it was set aside"),
        **ACCOUNT,
        "event_on": (DAY, "day of the event"),
    },
)  # fmt: skip

RUNS = Mart(
    "runs", "flow run", ("flow",),
    {
        "flow": (TEXT, "the flow"),
        "status": (TEXT, "done"),
        "rows": (WHOLE, "rows published"),
        "seconds": (NUMBER, "wall-clock seconds"),
        "snapshot_id": (TEXT, "staged snapshot that the run read"),
    },
    own_stamps=True,
)  # fmt: skip

SIGNAL_CATALOGUE = Mart(
    "signal_catalogue", "signal and segment", ("table", "column", "segment"),
    {
        "table": (TEXT, "canonical table"),
        "column": (TEXT, "column (signal)"),
        "segment": (TEXT, "segment, or `all`"),
        "source_system": (TEXT, "source system"),
        "update_frequency": (TEXT, "expected update frequency"),
        "accessibility": (TEXT, "accessible, needs integration or absent"),
        "first": (DAY, "first day with data"),
        "last": (DAY, "latest day with data"),
        "fill_rate": (NUMBER, "share of rows with a value, 0-1"),
        "accounts_share": (NUMBER, "share of the segment's accounts with a value, 0-1"),
        "features": (TEXTS, "features that use it"),
        "blind_spot": (TEXT, "blind spot of the signal"),
    },
)  # fmt: skip
