"""Which hosts a process joins: by the environment of each kind of cluster, and a roll call."""

import os
import socket
import subprocess
import sys
import time

import jax
import pytest
from jax._src import cloud_tpu_init
from jax._src.clusters import cloud_tpu_cluster

from ovseg_jax.training import hosts
from ovseg_jax.training.roll_call import STATUS, RollCall

KINDS = ("JAX_", "TPU_", "SLURM_", "OMPI_", "MEGASCALE_", "KUBERNETES_")


@pytest.fixture
def joined(monkeypatch):
    """What `jax.distributed.initialize` was called with, on a machine that says nothing."""
    calls = []
    for name in list(os.environ):
        if name.startswith(KINDS) and name != "JAX_COMPILATION_CACHE_DIR":
            monkeypatch.delenv(name)
    monkeypatch.setattr(jax.distributed, "initialize", lambda **given: calls.append(given))
    monkeypatch.setattr(hosts, "_decided", False)
    monkeypatch.setattr(hosts, "RollCall", _NoCall)
    return calls


class _NoCall:
    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def on_tpu(monkeypatch, metadata=None, **environment):
    """A TPU VM whose metadata server gives these attributes."""
    for module in (cloud_tpu_init, cloud_tpu_cluster):
        monkeypatch.setattr(module, "running_in_cloud_tpu_vm", True)
    answers = metadata or {}
    reply = lambda key: (answers[key], 200) if key in answers else ("", 404)  # noqa: E731
    monkeypatch.setattr(cloud_tpu_cluster, "get_metadata", reply)
    monkeypatch.setattr(
        cloud_tpu_cluster.BaseTpuCluster, "wait_for_coordinator", lambda *_: None, raising=True
    )
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def test_a_laptop_joins_nobody(joined):
    assert hosts.found() is None
    hosts.connect()
    assert joined == []


def test_one_tpu_host_joins_nobody(joined, monkeypatch):
    metadata = {"agent-worker-number": "0", "worker-network-endpoints": "10.0.0.1", "tpu-env": ""}
    on_tpu(monkeypatch, metadata)
    assert hosts.found() == ("10.0.0.1:8482", 1, 0)
    hosts.connect()
    assert joined == []


@pytest.mark.parametrize("form", ["{ip}", "name:{number}:{ip}"])
def test_a_pod_that_only_the_metadata_server_knows(joined, monkeypatch, form):
    """As queued resources make it: TPU_WORKER_HOSTNAMES is not set."""
    ips = [form.format(number=n, ip=f"10.0.0.{n}") for n in range(4)]
    metadata = {"agent-worker-number": "2", "worker-network-endpoints": ",".join(ips)}
    on_tpu(monkeypatch, metadata | {"tpu-env": "ZONE: 'z'"})
    assert hosts.found() == ("10.0.0.0:8482", 4, 2)
    hosts.connect()
    assert joined == [{"initialization_timeout": hosts.WAIT + hosts.MARGIN}]


def test_several_slices_of_one_host_each(joined, monkeypatch):
    env = "MEGASCALE_NUM_SLICES: '2'\nMEGASCALE_SLICE_ID: '1'\nMEGASCALE_COORDINATOR_ADDRESS: 'h'"
    metadata = {"agent-worker-number": "0", "worker-network-endpoints": "10.0.0.9", "tpu-env": env}
    on_tpu(monkeypatch, metadata)
    assert hosts.found() == ("h:8482", 2, 1)
    hosts.connect()
    assert len(joined) == 1


def test_gke(joined, monkeypatch):
    on_tpu(monkeypatch, TPU_WORKER_HOSTNAMES="a,b,c", TPU_WORKER_ID="1", TPU_SKIP_MDS_QUERY="1")
    for name in ("COORDINATOR_ADDRESS", "NUM_SLICES", "SLICE_ID"):
        monkeypatch.setenv(f"MEGASCALE_{name}", "")
    monkeypatch.setattr(cloud_tpu_cluster, "get_tpu_env_value", os.environ.get)
    assert hosts.found() == ("a:8482", 3, 1)
    hosts.connect()
    assert len(joined) == 1


def slurm(monkeypatch, tasks):
    given = {"JOB_ID": 7, "STEP_NODELIST": "node[01-02]", "NTASKS": tasks, "PROCID": 0}
    for name, value in (given | {"LOCALID": 0}).items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))


def test_slurm(joined, monkeypatch):
    slurm(monkeypatch, 2)
    place = hosts.found()
    assert place.address.startswith("node01:") and place[1:] == (2, 0)
    hosts.connect()
    hosts.connect()
    assert len(joined) == 1, "the first call decides for the process"


def test_one_task_of_slurm_joins_nobody(joined, monkeypatch):
    slurm(monkeypatch, 1)
    hosts.connect()
    assert joined == []


def test_a_batch_script_of_slurm_without_srun_joins_nobody(joined, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_NTASKS", "8")
    hosts.connect()
    assert joined == []


def test_hosts_one_works_alone_on_a_cluster(joined, monkeypatch):
    slurm(monkeypatch, 2)
    hosts.connect("one")
    hosts.connect("auto")  # what training asks for behind the command line
    assert joined == []


def test_open_mpi(joined, monkeypatch):
    monkeypatch.setenv("OMPI_MCA_orte_hnp_uri", "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911")
    for name, value in (("SIZE", "4"), ("RANK", "3"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(f"OMPI_COMM_WORLD_{name}", value)
    place = hosts.found()
    assert place.address.startswith("10.96.0.1:") and place[1:] == (4, 3)
    hosts.connect()
    assert len(joined) == 1


def said(monkeypatch, address="h:1", count="2", index="1"):
    for name, value in zip(
        (hosts.ADDRESS, hosts.COUNT, hosts.INDEX), (address, count, index), strict=True
    ):
        monkeypatch.setenv(name, value)


def test_jaxs_own_variables(joined, monkeypatch):
    said(monkeypatch)
    hosts.connect()
    assert joined[0].pop("initialization_timeout") > hosts.WAIT
    assert joined == [{"coordinator_address": "h:1", "num_processes": 2, "process_id": 1}]


@pytest.mark.parametrize(
    "given, words",
    [
        ({"count": "two"}, "JAX_NUM_PROCESSES is 'two'"),
        ({"index": "2"}, "JAX_PROCESS_ID is '2'.*from 0 to one less"),
        ({"address": "h"}, "JAX_COORDINATOR_ADDRESS is 'h'.*host:port"),
    ],
)
def test_variables_that_do_not_fit_are_refused(joined, monkeypatch, given, words):
    said(monkeypatch, **given)
    with pytest.raises(hosts.HostsError, match=words):
        hosts.connect()


def test_a_metadata_server_that_does_not_answer_is_no_traceback(joined, monkeypatch):
    on_tpu(monkeypatch)

    def silent(key):
        raise OSError("metadata: no route to host")

    monkeypatch.setattr(cloud_tpu_cluster, "get_metadata", silent)
    with pytest.raises(hosts.HostsError, match="no route to host.*--hosts one"):
        hosts.connect()


def two_free_ports():
    for _ in range(50):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports side by side")


def test_the_roll_call_knows_who_has_come():
    address = f"127.0.0.1:{two_free_ports()}"
    with RollCall(address, 4, 0, 60) as first, RollCall(address, 4, 2, 60) as third:
        deadline = time.monotonic() + 20
        while third.missing() != [1, 3] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert first.missing() == third.missing() == [1, 3]
        assert first.told() == third.told() == "processes 1, 3 of 4 have not come"


def test_the_roll_call_says_that_the_first_process_does_not_answer():
    port = two_free_ports()
    call = RollCall(f"127.0.0.1:{port}", 2, 1, 60)
    assert call.told() == f"process 0 of 2 does not answer at 127.0.0.1, port {port}"


def test_a_time_out_names_the_processes_that_are_missing():
    """Two of three processes; JAX itself would end them without a name."""
    command = "from ovseg_jax.training import hosts; hosts.connect(wait=6)"
    cluster = {hosts.ADDRESS: f"127.0.0.1:{two_free_ports()}", hosts.COUNT: "3"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", command],
            env=os.environ | cluster | {hosts.INDEX: index, "JAX_PLATFORMS": "cpu"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in ("0", "2")
    ]
    for process in processes:
        error = process.communicate(timeout=100)[1]
        assert process.returncode == STATUS, error
        assert "s process 1 of 3 has not come; the same command" in error
