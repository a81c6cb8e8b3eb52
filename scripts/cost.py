#!/usr/bin/env python3
"""What does one operation cost three nodes in system calls, and in bytes on the wire?

Starts three nodes on loopback, has them do a number of reads and then of writes, with and without
pipelining, and prints what one operation took: system calls of all three nodes together (counted
by perf, which needs root or a kernel that lets it count), bytes that the nodes sent each other
(counted by themselves), and bytes that passed the loopback device with all headers, to and from
clients as well; whatever else uses loopback meanwhile is counted there, too.

How many messages share a frame and a system call depends on how busy the nodes are, so the figures
of two runs differ somewhat. Everything that was started is ended.
"""

import argparse
import re
import subprocess
import sys
import urllib.request

sys.dont_write_bytecode = True
import systems  # noqa: E402


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    systems.program_argument(parser)
    parser.add_argument("--operations", type=int, default=300_000, help="(default: 300000)")
    parser.add_argument("--clients", type=int, default=64, help="(default: 64)")
    parser.add_argument("--value-bytes", type=int, default=64, help="(default: 64)")
    arguments = parser.parse_args()
    systems.require("perf", hint="apt-get install linux-perf")
    with systems.Stage() as stage:
        cluster = systems.shardedmemory(stage, arguments.program)
        # So that every register holds something when they are read.
        run(arguments, cluster, "writes", 16)
        print(f"{arguments.clients} clients, {arguments.value_bytes}-byte values; per operation:")
        print(f"  {'':22} {'system calls':>13} {'bytes between nodes':>20} {'bytes on loopback':>18}")
        for kind in ("reads", "writes"):
            for pipeline in (1, 16):
                calls, between, loopback = run(arguments, cluster, kind, pipeline)
                name = f"{kind}, pipeline {pipeline}"
                print(f"  {name:22} {calls:13.2f} {between:20.0f} {loopback:18.0f}")
                sys.stdout.flush()


def run(arguments, cluster, kind, pipeline):
    """Does the operations; returns what one of them took."""
    flags = ["--reads", "1" if kind == "reads" else "0", "--pipeline", str(pipeline)]
    flags += ["--operations", str(arguments.operations), "--clients", str(arguments.clients)]
    flags += ["--value-bytes", str(arguments.value_bytes), "--warm-up-ms", "0", "--no-fill"]
    processes = ",".join(str(process.process.pid) for process in cluster.processes)
    counting = ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", processes, "--"]
    between, loopback = bytes_between(cluster), bytes_on_loopback()
    ended = subprocess.run(
        counting + systems.bench_arguments(arguments.program, cluster, flags),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=systems.environment(),
        text=True,
    )
    counted = re.search(r"^(\d+),.*raw_syscalls:sys_enter", ended.stderr, re.MULTILINE)
    if counted is None:
        sys.exit("error: perf counts no system calls here; it said\n" + ended.stderr)
    report = systems.told(ended.returncode, ended.stdout)
    done = report["systems"][0]["figures"][kind]["done"]
    between, loopback = bytes_between(cluster) - between, bytes_on_loopback() - loopback
    return int(counted.group(1)) / done, between / done, loopback / done


def bytes_between(cluster):
    """How many bytes the nodes have sent each other so far."""
    total = 0
    for address in cluster.addresses:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        sent = re.findall(r"^shardedmemory_peer_sent_bytes_total\{[^}]*\} (\d+)", text, re.MULTILINE)
        total += sum(map(int, sent))
    return total


def bytes_on_loopback():
    """How many bytes have passed the loopback device so far."""
    with open("/proc/net/dev") as devices:
        for line in devices:
            name, _, figures = line.partition(":")
            if name.strip() == "lo":
                return int(figures.split()[8])
    sys.exit("error: there is no loopback device")


if __name__ == "__main__":
    main()
