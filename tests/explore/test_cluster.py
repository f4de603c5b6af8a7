from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from cosim.errors import DescriptionError, UnsupportedError
from cosim.explore import Store, explore, read_space
from cosim.explore.cluster import Cluster
from cosim.explore.code import code_digest

AXES = {"engines.vector.lanes": [4, 8, 12, 16], "memories.sram.size": ["64 KiB", "96 KiB", "1 MiB"]}


def space():
    return read_space({"name": "t", "network": "ds_cnn", "hardware": "npu/edge-256", "axes": AXES})


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as found:
        yield found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_finds_the_same_front_and_survives_the_loss_of_a_worker(cluster, tmp_path, monkeypatch):
    import distributed

    with distributed.Client(cluster.scheduler_address) as client:
        processes = client.run(os.getpid)
        theirs = client.submit(code_digest).result()  # sources may be edited while tests run
    monkeypatch.setattr("cosim.explore.cluster.code_digest", lambda: theirs)
    store = tmp_path / "s"

    def kill():
        with Store(store) as kept:
            while len(kept) < 2:
                threading.Event().wait(0.05)
        os.kill(next(iter(processes.values())), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found = explore(space(), store=store, scheduler=cluster.scheduler_address, prune=False)
    killer.join()
    here = explore(space(), jobs=0, prune=False)
    assert found.simulated == 12
    assert found.count("done") == 12
    told = [[(dict(p.choices), dict(p.record.metrics)) for p in one.points] for one in (found, here)]
    assert told[0] == told[1]
    again = explore(space(), store=store, scheduler=cluster.scheduler_address, prune=False)
    assert (again.simulated, again.recalled) == (0, 12)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_worker_with_other_sources_is_refused(cluster, monkeypatch):
    monkeypatch.setattr("cosim.explore.cluster.code_digest", lambda: "another")
    with pytest.raises(UnsupportedError, match="another version of cosim"):
        explore(space(), scheduler=cluster.scheduler_address)


def test_an_address_where_nothing_is_is_said(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("cosim.explore.cluster.CONNECT_S", 0.5)
    with pytest.raises(DescriptionError, match="no scheduler answers"):
        explore(space(), scheduler="tcp://127.0.0.1:9")
    with pytest.raises(DescriptionError, match="no scheduler answers"):
        explore(space(), scheduler="nowhere")


def test_without_distributed_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(UnsupportedError, match=r"needs the package distributed[\s\S]*cosim\[explore\]"),
        Cluster("tcp://x:1"),
    ):
        pass
