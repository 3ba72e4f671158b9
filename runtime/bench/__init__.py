"""What `lic-run bench` measures: latency, throughput, cold start, memory, energy, and the distance from the limit."""
