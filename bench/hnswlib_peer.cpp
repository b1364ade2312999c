/*
 * hnswlib_peer: the same data through hnswlib, for bench/run.
 *
 *   hnswlib_peer BASE QUERIES l2|ip M EF_CONSTRUCTION THREADS CPU
 *
 * BASE and QUERIES are .fvecs files (for cosine the caller normalises and asks for ip). Builds the
 * index with THREADS threads, prints "built SECONDS BYTES", pins itself to CPU where that is
 * permitted ("pinned 1" or "pinned 0"), and then answers commands from its standard input, on one
 * thread:
 *
 *   answer EF K           one line a query: the ids of the K nearest found
 *   speed EF K SECONDS    "qps N"
 *
 * Header-only hnswlib, to be compiled with -O3 -march=native as its users do.
 */
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <hnswlib/hnswlib.h>

using Index = hnswlib::HierarchicalNSW<float>;

struct Vectors
{
	size_t count = 0;
	size_t dimensions = 0;
	std::vector<float> values;

	const float *row(size_t i) const
	{
		return values.data() + i * dimensions;
	}
};

static Vectors
read_fvecs(const char *path)
{
	Vectors vectors;
	std::ifstream in(path, std::ios::binary);
	int32_t dimensions = 0;

	if (!in)
	{
		std::fprintf(stderr, "hnswlib_peer: cannot read %s\n", path);
		std::exit(1);
	}
	while (in.read(reinterpret_cast<char *>(&dimensions), sizeof(dimensions)))
	{
		vectors.dimensions = dimensions;
		vectors.values.resize((vectors.count + 1) * vectors.dimensions);
		in.read(
			reinterpret_cast<char *>(vectors.values.data() + vectors.count * vectors.dimensions),
			dimensions * sizeof(float));
		vectors.count++;
	}
	return vectors;
}

static double
seconds_since(std::chrono::steady_clock::time_point start)
{
	return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

static bool
pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

/* The first element alone, as hnswlib's own bindings do; the rest shared among the threads. */
static void
build(Index &index, const Vectors &base, int threads)
{
	std::atomic<size_t> next(1);
	std::vector<std::thread> workers;

	index.addPoint(base.row(0), 0);
	for (int t = 0; t < threads; t++)
		workers.emplace_back(
			[&]
			{
				for (size_t i = next++; i < base.count; i = next++)
					index.addPoint(base.row(i), i);
			});
	for (auto &worker : workers)
		worker.join();
}

/*
 * What the index takes beyond the struct itself: layer 0 with the vectors, and the links of the
 * upper layers.
 */
static size_t
size_of(Index &index, size_t count)
{
	size_t bytes = count * index.size_data_per_element_;

	for (size_t i = 0; i < count; i++)
		bytes += index.element_levels_[i] * index.size_links_per_element_;
	return bytes;
}

/* Random queries for so many seconds, as pgbench draws them; the clock is read once in 16. */
static double
measure_speed(Index &index, const Vectors &queries, size_t k, double seconds)
{
	std::minstd_rand random(1);
	auto start = std::chrono::steady_clock::now();
	size_t done = 0;

	while (seconds_since(start) < seconds)
		for (int i = 0; i < 16; i++, done++)
			index.searchKnn(queries.row(random() % queries.count), k);
	return done / seconds_since(start);
}

static void
print_answers(Index &index, const Vectors &queries, size_t k)
{
	for (size_t q = 0; q < queries.count; q++)
	{
		auto found = index.searchKnn(queries.row(q), k);

		for (; !found.empty(); found.pop())
			std::cout << found.top().second << ' ';
		std::cout << '\n';
	}
	std::cout.flush();
}

int
main(int argc, char **argv)
{
	if (argc != 8)
	{
		std::fprintf(stderr,
					 "usage: hnswlib_peer BASE QUERIES l2|ip M EF_CONSTRUCTION THREADS CPU\n");
		return 2;
	}
	Vectors base = read_fvecs(argv[1]);
	Vectors queries = read_fvecs(argv[2]);
	std::unique_ptr<hnswlib::SpaceInterface<float>> space;

	if (std::string(argv[3]) == "ip")
		space.reset(new hnswlib::InnerProductSpace(base.dimensions));
	else
		space.reset(new hnswlib::L2Space(base.dimensions));

	Index index(space.get(), base.count, std::atoi(argv[4]), std::atoi(argv[5]));
	auto start = std::chrono::steady_clock::now();

	build(index, base, std::atoi(argv[6]));
	std::cout << "built " << seconds_since(start) << ' ' << size_of(index, base.count) << std::endl;
	std::cout << "pinned " << pin_to(std::atoi(argv[7])) << std::endl;

	std::string command;
	size_t ef, k;
	while (std::cin >> command >> ef >> k)
	{
		double seconds;

		index.setEf(std::max(ef, k));
		if (command == "answer")
			print_answers(index, queries, k);
		else if (std::cin >> seconds)
			std::cout << "qps " << measure_speed(index, queries, k, seconds) << std::endl;
	}
	return 0;
}
