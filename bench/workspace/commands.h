#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "workspace/fleet.h"

// What workspace_load does. Each prints JSON; failures end the program.
namespace bench {

struct StorePlan {
  std::string folder;  // events.duckdb and all that belongs to it
  std::size_t memory = std::size_t{512} << 20U;
  unsigned threads = 0;  // 0: one for each processor
};

struct Asking {
  std::string questions;  // folder
  std::string published;  // folder of published queries; empty: none
};

// What the fleet sends: rows, their types, sizes and times, without any store.
void describe(const FleetShape& shape);
// The same rows, one JSON object each.
void write_ndjson(const FleetShape& shape);

struct Fill {
  FleetShape shape;
  StorePlan store;
  Asking asking;
  double questions_per_second = 1;  // about single devices, asked meanwhile
  std::size_t batch = 10'000;       // rows that share a transaction, as the hub's pipeline has it
  bool merge = false;               // everything, at the end
};
void fill(const Fill& plan);

// What DuckDB itself takes for the same rows: into a table in memory, without a log, a look for
// doubles or anybody who asks, then in order into Parquet files as the store writes them.
struct DuckdbFloor {
  FleetShape shape;
  StorePlan store;
};
void duckdb_floor(const DuckdbFloor& plan);

struct Ask {
  FleetShape shape;
  StorePlan store;
  Asking asking;
  std::size_t devices_asked = 25;  // each question about one device is asked of so many
  std::size_t fleet_runs = 5;
};
void ask(const Ask& plan);

struct SqliteFill {
  FleetShape shape;
  std::string file;
  std::size_t batch = 10'000;
  double seconds = 0;  // stop after that; 0: at the end
};
void fill_sqlite(const SqliteFill& plan);

// The device that stands for number `index` of those that are asked about.
std::uint32_t sample_device(const FleetShape& shape, std::size_t index);

}  // namespace bench
