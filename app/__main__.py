"""The composition root: starts the command line and turns what went wrong into one line and an exit code.

Runs on the main thread. Worker processes that are spawned import this module again (as
`__mp_main__`), so nothing heavier than `sys` is loaded before `main` runs: a child pays only for
what it uses.

Exit codes: 0 done, 1 failed (one line on standard error), 2 wrong usage, 130 cancelled.
"""

import sys

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CANCELLED = 130


def main() -> int:
    """Run the command line of this process.

    Returns
    -------
    int
        Exit code, 0, 1, 2 or 130.
    """
    debug = "--debug" in sys.argv[1:]
    try:
        # A frozen program is its own worker: this call runs the worker and never returns there.
        from multiprocessing import freeze_support

        freeze_support()
        from app.cli.frame import run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        if debug:
            raise
        sys.stderr.write("charon: cancelled\n")
        return EXIT_CANCELLED
    except Exception as error:  # noqa: BLE001  the last door: a user gets one line, never a traceback
        return _report(error, debug=debug)


def _report(error: Exception, *, debug: bool) -> int:
    """Say in one line what failed; the traceback goes to the log, and to the terminal with --debug."""
    import logging

    from engine.errors import CharonError, JobCancelled

    if debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, JobCancelled):
        sys.stderr.write("charon: cancelled\n")
        return EXIT_CANCELLED
    message = " ".join(str(error).split())
    if isinstance(error, CharonError):
        line = message or type(error).__name__
    else:
        logging.getLogger(__name__).error("unexpected error", exc_info=error)
        line = f"unexpected {type(error).__name__}: {message} (the same command with --debug shows where)"
    sys.stderr.write(f"charon: error: {line}\n")
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
