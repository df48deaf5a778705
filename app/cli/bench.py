"""`charon bench`: how fast the engine is on this machine, beside a reference in the same run."""

from app.cli.frame import LazyGroup

command = LazyGroup(
    name="bench",
    summaries={
        "kernels": "Each kernel against its reference library.",
        "realtime": "The audio callback, idle and under load, beside a plain Python callback.",
        "separation": "Each model's separation against its network alone.",
        "analysis": "A song's fingerprint against the same numbers made of librosa's calls.",
        "similarity": "The search for nearest neighbours against scikit-learn.",
    },
    module_of=lambda name: f"app.cli.bench_{name}",
    no_args_is_help=True,
    help="Measure the engine on this machine.\n\nExample: charon bench realtime --seconds 10 --json",
)
