"""Several networks on one device at once: jobs with releases, deadlines and priorities, and what they do to each other."""

from cosim.jobs.result import JobsResult
from cosim.jobs.run import simulate_jobs
from cosim.jobs.spec import JobSpec, Workload, read_jobs

__all__ = ["JobSpec", "JobsResult", "Workload", "read_jobs", "simulate_jobs"]
