#!/usr/bin/env python3
"""What it costs to have writes on disk before they are acknowledged, and how a restart goes.

Puts the same load of writes, in turn, on three nodes of shardedmemory in memory, on three that sync
at an interval, on three that sync each batch, and on three of etcd, whose data is on the same disk.
Then fills three nodes with registers, kills all of them at once, starts them again, and tells how
long that took, and how much memory and disk a register takes.

Exits with 0 if nodes that sync each batch are at least 5 times as fast as etcd, with 1 if not.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import systems  # noqa: E402

TARGET = 5


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    systems.program_argument(parser)
    parser.add_argument("--directory", default="/var/tmp", help="on the disk (default: /var/tmp)")
    parser.add_argument("--seconds", type=int, default=5, help="of each turn (default: 5)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each system (default: 5)")
    parser.add_argument("--clients", type=int, default=64, help="default: 64")
    parser.add_argument("--value-bytes", type=int, default=64, help="default: 64")
    parser.add_argument("--registers", type=int, default=1_000_000, help="of the restart, of 100 bytes")
    arguments = parser.parse_args()
    systems.require("etcd")
    disk = tempfile.mkdtemp(prefix="shardedmemory-durability-", dir=arguments.directory)
    try:
        share = costs(arguments, subdirectory(disk, "costs"))
        restart(arguments, subdirectory(disk, "restart"))
    finally:
        shutil.rmtree(disk, ignore_errors=True)
    sys.exit(0 if share >= TARGET else 1)


def subdirectory(directory, name):
    path = os.path.join(directory, name)
    os.mkdir(path)
    return path


def costs(arguments, disk):
    """Returns how many writes those that sync do for each of etcd's."""
    with systems.Stage() as stage:
        ours = {"memory": systems.shardedmemory(stage, arguments.program)}
        for durability in ("interval", "sync"):
            ours[durability] = systems.shardedmemory(
                stage, arguments.program, durability=durability, disk=disk
            )
        etcd = systems.etcd(stage, disk=disk)
        others = [ours["memory"], ours["interval"], etcd]
        flags = [word for other in others for word in ("--compare", other.url)]
        flags += ["--reads", "0", "--seconds", str(arguments.seconds), "--warm-up-ms", "500"]
        flags += ["--rounds", str(arguments.rounds), "--clients", str(arguments.clients)]
        flags += ["--value-bytes", str(arguments.value_bytes)]
        report = systems.bench(arguments.program, ours["sync"], flags)
    print(
        f"writes, {arguments.clients} clients, {arguments.value_bytes}-byte values, "
        f"median of {arguments.rounds} rounds of {arguments.seconds} s"
    )
    print(f"  {'':10} {'per second':>12} {'median':>10} {'99 %':>10} {'failed':>8}")
    for name, system in zip(("sync", "memory", "interval", "etcd"), report["systems"]):
        figures = system["figures"]["writes"]
        times = [f"{figures['latency_ms'][key]:.2f} ms" for key in ("p50", "p99")]
        rate = f"{figures['operations_per_second']:,.0f}"
        print(f"  {name:10} {rate:>12} {times[0]:>10} {times[1]:>10} {figures['failed']:>8}")
    share = None
    for name, system in list(zip(("memory", "interval", "etcd"), report["systems"][1:])):
        beside = system["first_beside_this"]["writes"]
        share = beside["operations_per_second"]
        rounds = ", ".join(f"{one:.2f}" for one in beside["operations_per_second_by_round"])
        print(f"  sync for each of {name}'s: {share:.2f} ({rounds})")
    verdict = "met" if share >= TARGET else "MISSED"
    print(f"  {verdict}: sync {TARGET} times etcd's: {share:.2f}")
    sys.stdout.flush()
    return share


def restart(arguments, disk):
    count = arguments.registers
    with systems.Stage() as stage:
        cluster = systems.shardedmemory(stage, arguments.program, durability="sync", disk=disk)
        began = time.monotonic()
        fill(cluster, count)
        took = time.monotonic() - began
        print(f"\n{count:,} registers of 100 bytes")
        print(f"  written in {took:.1f} s ({count / took:,.0f} a second)")
        resident = [memory(process) for process in cluster.processes]
        print(f"  memory: {max(resident) / count:.0f} bytes a register, of the whole process")
        for process in cluster.processes:
            process.signal(signal.SIGKILL)
            process.process.wait()
        used = [bytes_of(path.path) for path in os.scandir(disk)]
        print(f"  disk: {max(used) / count:.0f} bytes a register")
        began = time.monotonic()
        again = systems.shardedmemory(
            stage, arguments.program, durability="sync", disk=disk, addresses=cluster.addresses
        )
        print(f"  all killed, and ready again after {time.monotonic() - began:.1f} s")
        resident = [memory(process) for process in again.processes]
        print(f"  memory then: {max(resident) / count:.0f} bytes a register")
        with open(again.processes[0].log) as log:
            read = [line for line in log if "goes on as node" in line]
        print("  " + read[-1][read[-1].index("goes on as node"):].strip().rstrip('"}'))


def fill(cluster, count):
    """Writes registers through `redis-cli --pipe` to one node."""
    port = cluster.addresses[0].split(":")[1]
    value = "v" * 100
    piped = subprocess.Popen(
        ["redis-cli", "-p", port, "--pipe"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )
    for number in range(count):
        name = f"register:{number:09}"
        piped.stdin.write(f"*3\r\n$3\r\nSET\r\n${len(name)}\r\n{name}\r\n$100\r\n{value}\r\n")
    piped.stdin.close()
    if piped.wait() != 0:
        sys.exit("error: not all registers were written")


def memory(process):
    """The bytes of memory that it has."""
    with open(f"/proc/{process.process.pid}/status") as status:
        kilobytes = next(line.split()[1] for line in status if line.startswith("VmRSS:"))
    return int(kilobytes) * 1024


def bytes_of(directory):
    """The bytes that are taken on the disk."""
    files = (os.path.join(at, name) for at, _, names in os.walk(directory) for name in names)
    return sum(os.stat(path).st_blocks * 512 for path in files)


if __name__ == "__main__":
    main()
