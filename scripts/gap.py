#!/usr/bin/env python3
"""How long does nothing succeed when a node dies or freezes, at clients of the other nodes?

Starts three nodes (of ours, and of etcd if it is installed), puts a load on them, kills one with
SIGKILL or freezes it with SIGSTOP two seconds later, and prints the longest time without a success
at the two nodes that are left: of plain reads, of plain writes, and of conditional writes, which
have clients of their own, so that nothing of what is plain waits for them. Of ours each node has
its turn; of etcd the leader. A run to which nothing happens comes first: what the machine does
without us.

Ours are to have no gap of 100 ms in plain reads and writes. Everything that was started is ended.
Exits with 0 if that holds, with 1 if not.
"""

import argparse
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import systems  # noqa: E402

TARGET_MS = 100
FAULT_AFTER_SECONDS = 2
WARM_UP_SECONDS = 1


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    systems.program_argument(parser)
    parser.add_argument("--seconds", type=int, default=8, help="of each run (default: 8)")
    parser.add_argument("--clients", type=int, default=48, help="of what is plain (default: 48)")
    parser.add_argument(
        "--rate", type=int, help="operations a second (default: as many as there are answers to)"
    )
    parser.add_argument("--only", choices=("shardedmemory", "etcd"), help="only this one")
    arguments = parser.parse_args()
    only = arguments.only
    if only != "shardedmemory":
        systems.require("etcd")
    print("At the nodes to which nothing happens: the longest time without a success, in ms, and how")
    print("many operations failed")
    print(f"  {'':15} {'what happens':28} {'reads':>8} {'writes':>8} {'conditional':>12} {'failed':>8} {'conditional':>12}")
    worst = 0
    for fault in (None, signal.SIGKILL, signal.SIGSTOP):
        if only != "etcd":
            for index in range(1 if fault is None else 3):
                gaps = run(arguments, "shardedmemory", fault, index)
                if fault is not None:
                    worst = max(worst, gaps["reads"], gaps["writes"])
        if only != "shardedmemory":
            run(arguments, "etcd", fault, None)
    if only != "etcd":
        met = worst < TARGET_MS
        verdict = "met" if met else "MISSED"
        print(f"\n  {verdict}: no gap of {TARGET_MS} ms in ours; the longest was {worst:.0f} ms")
        sys.exit(0 if met else 1)


def run(arguments, system, fault, index):
    """One run; the longest gap of each kind at the nodes to which nothing happens."""
    with systems.Stage() as stage:
        if system == "etcd":
            cluster = systems.etcd(stage)
            index = systems.etcd_leader(cluster)
        else:
            cluster = systems.shardedmemory(stage, arguments.program)
        plain = ["--reads", "0.5", "--clients", str(arguments.clients)]
        conditional = ["--reads", "0", "--conditional", "1", "--clients", "6"]
        conditional += ["--prefix", "conditional:", "--registers", "100"]
        # The registers are written now, so that it is known when the loads begin.
        for load in (plain, conditional):
            systems.bench(arguments.program, cluster, load + ["--operations", "1"])
        flags = ["--no-fill", "--seconds", str(arguments.seconds)]
        flags += ["--warm-up-ms", str(WARM_UP_SECONDS * 1000)]
        plain += flags
        conditional += flags + ["--rate", "300"]
        if arguments.rate:
            plain += ["--rate", str(arguments.rate)]
        loads = [
            subprocess.Popen(
                systems.bench_arguments(arguments.program, cluster, load),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env=systems.environment(),
            )
            for load in (plain, conditional)
        ]
        time.sleep(WARM_UP_SECONDS + FAULT_AFTER_SECONDS)
        if fault is not None:
            cluster.processes[index].signal(fault)
        outputs = [load.communicate()[0] for load in loads]
        plain, conditional = (
            systems.told(load.returncode, output) for load, output in zip(loads, outputs)
        )
    spared = [
        address for number, address in enumerate(cluster.addresses) if fault is None or number != index
    ]
    gaps, failed = {}, []
    for report, kinds in ((plain, ("reads", "writes")), (conditional, ("conditional_writes",))):
        nodes = [report["systems"][0]["nodes"][address] for address in spared]
        for kind in kinds:
            gaps[kind] = max(node["longest_without_success"][kind]["ms"] for node in nodes)
        failed.append(sum(node["failed"] for node in nodes))
    verbs = {None: "nothing", signal.SIGKILL: "killed", signal.SIGSTOP: "frozen"}
    what = verbs[fault]
    if fault is not None:
        what = f"{'the leader' if system == 'etcd' else f'node {index + 1}'} is {what}"
    cells = f"{gaps['reads']:8.0f} {gaps['writes']:8.0f} {gaps['conditional_writes']:12.0f}"
    print(f"  {system:15} {what:28} {cells} {failed[0]:8} {failed[1]:12}")
    sys.stdout.flush()
    return gaps


if __name__ == "__main__":
    main()
