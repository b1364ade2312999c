# PostgreSQL with hnswc, also under the name "vector".
#
#   docker build -t hnswc .                                     of PostgreSQL 17; --build-arg PG_MAJOR=15 for another
#   docker run -e POSTGRES_PASSWORD=secret --shm-size=1g hnswc   then CREATE EXTENSION hnswc, or vector
#
# test/packages runs the RUN lines in a Debian system, so that they are known to work.
ARG PG_MAJOR=17
FROM postgres:${PG_MAJOR}
ARG PG_MAJOR
COPY . /tmp/hnswc
RUN apt-get update && \
	apt-get install -y --no-install-recommends make gcc libc6-dev "postgresql-server-dev-${PG_MAJOR}" && \
	make -C /tmp/hnswc clean && \
	make -C /tmp/hnswc -j"$(nproc)" with_llvm=no && \
	make -C /tmp/hnswc with_llvm=no install-vector && \
	apt-get purge -y make gcc libc6-dev "postgresql-server-dev-${PG_MAJOR}" && \
	apt-get autoremove -y && \
	rm -rf /tmp/hnswc /var/lib/apt/lists/*
