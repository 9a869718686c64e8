"""Run the benchmarks and write ``benchmarks/RESULTS.md``.

python -m benchmarks            everything (a day on two cores; some parts take more than an hour)
python -m benchmarks --quick    a short form of everything, printed and not written
python -m benchmarks speed      one part; the others keep their last results
"""

import argparse

from benchmarks import report

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks")
    parser.add_argument("parts", nargs="*", help=f"any of: {', '.join(report.PARTS)}")
    parser.add_argument("--quick", action="store_true", help="short runs, results only printed")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(report.PARTS)
    if unknown:
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}")
    report.main(arguments.parts or list(report.PARTS), arguments.quick)
