"""The parts of bench/run: data (vectors and exact answers), server (PostgreSQL), peer (hnswlib), report (CSV and plot)."""
