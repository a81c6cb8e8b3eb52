#!/usr/bin/env python3
"""Compare three nodes of shardedmemory with three of etcd and with one redis-server, side by side.

Starts all of them on loopback (etcd with its data on a tmpfs), puts the same load on each in turn,
round by round, so that the machine's mood is alike for all, and says whether the targets are met:

- without pipelining, at least 5 times etcd's operations a second, reads and writes, and 99 % of
  ours no slower than the median of etcd's;
- with pipeline 16, over all three nodes, at least a third of what one redis-server, which
  replicates nothing, does for reads, and a sixth for writes.

The last column is the time of processors that all servers of a system together took for an
operation, about: it hardly depends on what else the machine does.

Everything that was started is ended. Exits with 0 if all targets are met, with 1 if not.
"""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True
import systems  # noqa: E402

REDIS_PIPELINE = 16
WARM_UP_SECONDS = 0.5


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    systems.program_argument(parser)
    parser.add_argument("--seconds", type=int, default=5, help="of each turn (default: 5)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each system (default: 5)")
    parser.add_argument("--clients", type=int, default=64, help="default: 64")
    parser.add_argument("--value-bytes", type=int, default=64, help="default: 64")
    parser.add_argument("--save", metavar="DIRECTORY", help="keep figures and pictures there")
    arguments = parser.parse_args()
    systems.require("etcd", "redis-server")
    if arguments.save:
        os.makedirs(arguments.save, exist_ok=True)
    with systems.Stage() as stage:
        ours = systems.shardedmemory(stage, arguments.program)
        etcd = systems.etcd(stage)
        redis = systems.redis(stage)
        targets = []
        for kind in ("reads", "writes"):
            report = run(arguments, ours, etcd, kind, 1)
            beside = report["systems"][1]["first_beside_this"][kind]
            failed = report["failed"]
            times = beside["operations_per_second"]
            targets.append(Target(f"{kind}: 5 times etcd's", times, times >= 5, failed))
            late = beside["p99_to_p50"]
            words = f"{kind}: 99 % no slower than etcd's median"
            targets.append(Target(words, late, late <= 1, failed))
        for kind, least in (("reads", 1 / 3), ("writes", 1 / 6)):
            report = run(arguments, ours, redis, kind, REDIS_PIPELINE)
            share = report["systems"][1]["first_beside_this"][kind]["operations_per_second"]
            words = f"{kind}, pipeline {REDIS_PIPELINE}: {least:.3f} of redis-server's"
            targets.append(Target(words, share, share >= least, report["failed"]))
    print("\nTargets")
    for target in targets:
        print(target)
    sys.exit(0 if all(target.met for target in targets) else 1)


class Target:
    def __init__(self, words, value, met, failed):
        self.words, self.value, self.failed = words, value, failed
        self.met = met and failed == 0

    def __str__(self):
        verdict = "met" if self.met else "MISSED"
        failed = f", but {self.failed} operations failed" if self.failed else ""
        return f"  {verdict:7} {self.words}: {self.value:.2f}{failed}"


def run(arguments, ours, other, kind, pipeline):
    """Puts the load on ours and on another one, and prints a table."""
    flags = ["--compare", other.url, "--pipeline", str(pipeline)]
    flags += ["--reads", "1" if kind == "reads" else "0"]
    flags += ["--seconds", str(arguments.seconds), "--rounds", str(arguments.rounds)]
    flags += ["--clients", str(arguments.clients), "--value-bytes", str(arguments.value_bytes)]
    flags += ["--warm-up-ms", str(round(WARM_UP_SECONDS * 1000))]
    path = None
    if arguments.save:
        path = os.path.join(arguments.save, f"{kind}-{other.scheme}-pipeline-{pipeline}")
        flags += ["--svg", path + ".svg"]
    clusters = (ours, other)
    before = [cluster.cpu_seconds() for cluster in clusters]
    report = systems.bench(arguments.program, ours, flags)
    used = [cluster.cpu_seconds() - cpu for cluster, cpu in zip(clusters, before)]
    if path:
        with open(path + ".json", "w") as file:
            json.dump(report, file, indent=1)
    pipelining = "no pipelining" if pipeline == 1 else f"pipeline {pipeline}"
    print(
        f"\n{kind}, {arguments.clients} clients, {arguments.value_bytes}-byte values, {pipelining}, "
        f"median of {arguments.rounds} rounds of {arguments.seconds} s"
    )
    columns = f"{'per second':>12} {'median':>10} {'99 %':>10} {'99.9 %':>10} {'slowest':>10}"
    print(f"  {'':18} {columns} {'failed':>8} {'processors':>12}")
    names = ["shardedmemory x3", "etcd x3" if other.scheme == "etcd" else "redis-server"]
    for name, system, cpu in zip(names, report["systems"], used):
        figures = system["figures"][kind]
        latency = figures["latency_ms"] or dict.fromkeys(("p50", "p99", "p99.9", "max"), 0)
        times = [f"{latency[key]:.3f} ms" for key in ("p50", "p99", "p99.9", "max")]
        rate = f"{figures['operations_per_second']:,.0f}"
        cells = " ".join(f"{cell:>10}" for cell in times)
        # What was done before it was measured has cost something, too; the filling is little.
        whole = (arguments.seconds + WARM_UP_SECONDS) / arguments.seconds
        each = cpu * 1e6 / max(1, figures["done"] * whole)
        print(f"  {name:18} {rate:>12} {cells} {figures['failed']:>8} {each:9.1f} us")
        for error in system["errors"]:
            print(f"    {error['count']} failed, {error['kind']}: {error['example']}")
    beside = report["systems"][1]["first_beside_this"][kind]
    rounds = ", ".join(f"{one:.2f}" for one in beside["operations_per_second_by_round"])
    print(f"  ours for each of the other's: {beside['operations_per_second']:.2f} ({rounds})")
    for remark in report["remarks"][1:]:
        print(f"  - {remark}")
    sys.stdout.flush()
    return report


if __name__ == "__main__":
    main()
