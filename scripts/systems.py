"""Systems on this machine that are compared: started on loopback, ended by their process ids."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

# Long enough for anything that happens at all on a busy machine.
READY_SECONDS = 60
STOP_SECONDS = 15


class Stage:
    """What was started here, and what is left of it in files. All of it goes with the stage."""

    def __init__(self):
        self.processes = []
        self.directory = tempfile.mkdtemp(prefix="shardedmemory-compare-")
        self.memory = None

    def __enter__(self):
        # SIGTERM ends everything as Ctrl-C does.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.end()
        for directory in (self.memory, self.directory):
            if directory:
                shutil.rmtree(directory, ignore_errors=True)

    def tmpfs(self):
        """A directory of its own in memory, for those that insist on a disk."""
        if self.memory is None:
            with open("/proc/mounts") as mounts:
                kinds = {line.split()[1]: line.split()[2] for line in mounts}
            if kinds.get("/dev/shm") != "tmpfs":
                sys.exit("error: /dev/shm is no tmpfs, where etcd's data is to be")
            self.memory = tempfile.mkdtemp(prefix="shardedmemory-compare-", dir="/dev/shm")
        return self.memory

    def start(self, name, arguments):
        process = Process(name, arguments, os.path.join(self.directory, name + ".log"))
        self.processes.append(process)
        return process


class Process:
    """A process that was started here."""

    def __init__(self, name, arguments, log):
        self.name = name
        self.log = log
        with open(log, "ab") as out:
            # Not in our process group: Ctrl-C is for us, and we end them.
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True
            )

    def signal(self, number):
        os.kill(self.process.pid, number)

    def ended(self):
        return self.process.poll() is not None

    def cpu_seconds(self):
        """How much time of processors it has taken so far."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        if self.ended():
            return
        # A frozen one hears nothing.
        self.signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def until(self, what, ready):
        """Waits until the process is as it is to be."""
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if self.ended() or time.monotonic() > deadline:
                with open(self.log, errors="replace") as log:
                    sys.exit(f"error: {self.name} is not {what}\n" + log.read()[-2000:])
            time.sleep(0.05)


class Cluster:
    """Nodes that were started together: their processes, and the URL that the load goes to."""

    def __init__(self, scheme, processes, addresses):
        self.scheme = scheme
        self.processes = processes
        self.addresses = addresses

    @property
    def url(self):
        return self.scheme + "://" + ",".join(self.addresses)

    def cpu_seconds(self):
        return sum(process.cpu_seconds() for process in self.processes)

    def end(self):
        for process in self.processes:
            process.end()


def free_ports(count):
    """Ports that nobody uses, below those that the system gives to outgoing connections."""
    ports, candidate = [], 20000 + os.getpid() * 7 % 9000
    while len(ports) < count:
        candidate += 1
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
                ports.append(candidate)
            except OSError:
                pass
    return ports


def loopback(ports):
    return [f"127.0.0.1:{port}" for port in ports]


def shardedmemory(stage, program, nodes=3, durability=None, disk=None, addresses=None):
    """Nodes of ours: in memory, or with data directories in that of the disk."""
    addresses = addresses or loopback(free_ports(nodes))
    processes = []
    for address in addresses:
        name = f"shardedmemory-{address.split(':')[1]}"
        arguments = ["--leave-on-stop=false", "--listen", address, "--peers", ",".join(addresses)]
        if disk:
            arguments += ["--data-dir", os.path.join(disk, name), "--durability", durability]
        processes.append(stage.start(name, [program, "serve", "--exit-with-parent"] + arguments))
    for process, address in zip(processes, addresses):
        process.until("ready", lambda: answers(f"http://{address}/readyz"))
    return Cluster("redis", processes, addresses)


def etcd(stage, nodes=3, disk=None):
    """Nodes of etcd as they come, with their data in memory, or in the directory of a disk."""
    ports = free_ports(2 * nodes)
    clients, peers = loopback(ports[:nodes]), loopback(ports[nodes:])
    names = [f"etcd-{address.split(':')[1]}" for address in clients]
    members = ",".join(f"{name}=http://{peer}" for name, peer in zip(names, peers))
    processes = []
    for name, client, peer in zip(names, clients, peers):
        url, peer_url = f"http://{client}", f"http://{peer}"
        arguments = ["etcd", "--name", name, "--data-dir", os.path.join(disk or stage.tmpfs(), name)]
        arguments += ["--listen-client-urls", url, "--advertise-client-urls", url]
        arguments += ["--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url]
        arguments += ["--initial-cluster", members, "--initial-cluster-token", names[0]]
        processes.append(stage.start(name, arguments + ["--log-level", "error"]))
    for process, address in zip(processes, clients):
        process.until("healthy", lambda: answers(f"http://{address}/health"))
    return Cluster("etcd", processes, clients)


def etcd_leader(cluster):
    """Which node of etcd leads."""
    for index, address in enumerate(cluster.addresses):
        request = urllib.request.Request(
            f"http://{address}/v3/maintenance/status", data=b"{}", method="POST"
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            status = json.load(answer)
        if status["leader"] == status["header"]["member_id"]:
            return index
    sys.exit("error: no node of etcd leads")


def redis(stage):
    """One redis-server, which replicates nothing and saves nothing."""
    address = loopback(free_ports(1))[0]
    port = address.split(":")[1]
    process = stage.start(
        f"redis-{port}",
        ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no"],
    )

    def serves():
        try:
            socket.create_connection(("127.0.0.1", int(port)), 1).close()
            return True
        except OSError:
            return False

    process.until("serving", serves)
    return Cluster("redis", [process], [address])


def answers(url):
    """Whether there is an answer that says all is well."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def bench_arguments(program, cluster, flags):
    protocol = "etcd" if cluster.scheme == "etcd" else "redis"
    nodes = ",".join(cluster.addresses)
    return [program, "bench", "--json", "--node", nodes, "--protocol", protocol] + flags


def bench(program, cluster, flags):
    """Puts a load on a cluster, and returns what the load tool tells. Failed operations are told,
    too, and are no reason to stop."""
    # Settings of whoever calls this are not meant for what is started here.
    ended = subprocess.run(
        bench_arguments(program, cluster, flags),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment(),
    )
    return told(ended.returncode, ended.stdout)


def told(code, output):
    if code not in (0, 1) or not output:
        sys.exit(f"error: the load tool ended with {code}")
    return json.loads(output)


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("SHARDEDMEMORY_")}


def program_argument(parser):
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument(
        "--program",
        default=os.path.join(root, "target", "release", "shardedmemory"),
        help="the program to measure (default: what 'cargo build --release' made)",
    )


def require(*commands, hint="apt-get install etcd-server redis-server"):
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        sys.exit(
            f"error: {', '.join(missing)} cannot be found; nothing was started\n"
            f"hint: {hint}"
        )
