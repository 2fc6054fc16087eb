#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/queries/fleet.h"
#include "iotql/query.h"

// Queries over device and module twins and over jobs, page by page.
namespace hub::queries {

struct Options {
  std::string path;  // state.db, with the tables of identities and twins
  std::size_t max_page_bytes = 8U << 20U;
  // A page that takes longer ends there, however few rows it has; the next one goes on.
  std::chrono::milliseconds page_time{2000};
  // Groups need all rows: such a query gives up after that.
  std::chrono::milliseconds query_time{30'000};
};

// What the rows are, in Azure IoT Hub's words: whole twins, whole jobs, or columns.
enum class ItemType : std::uint8_t { Twin, DeviceJob, Raw };
std::string_view to_string(ItemType type);

struct Question {
  std::string query;
  std::size_t limit = 100;
  std::string continuation = {};  // of the page before; empty: from the start
};

struct Page {
  std::vector<std::string> items;  // JSON objects
  ItemType type = ItemType::Raw;
  std::string continuation;  // empty at the end
};

// Why there is no page: `problem` when the query is at fault.
struct Failure {
  base::Error error;
  std::optional<iotql::Problem> problem;
};

// Jobs of devices in the order of a key: visits those after one, until it says stop.
using JobVisit = std::function<Fleet::Next(std::string_view key, const iotql::Document& job)>;
using JobScan = std::function<base::Result<void>(std::string_view after, const JobVisit& visit)>;

// Threads: any; each call reads with a connection of its own.
class TwinQueries {
 public:
  // `registry` must outlive it. Errors: those of store::Sqlite.
  static base::Result<std::unique_ptr<TwinQueries>> open(Options options,
                                                         identity::Registry& registry);
  ~TwinQueries();
  TwinQueries(const TwinQueries&) = delete;
  TwinQueries& operator=(const TwinQueries&) = delete;

  // Before serving only. Without jobs there are none.
  void set_jobs(JobScan jobs);
  void set_configurations(std::function<base::json::Value(const identity::Name&)> configurations);

  // Errors: Invalid (query, continuation), Expired (groups take too long), Full (too many groups),
  // those of the store.
  std::expected<Page, Failure> run(const Question& question);
  // How many rows the whole answer has. Errors: as run().
  base::Result<std::uint64_t> count(const iotql::Query& query);

  // Calls `use` with a connection that is nobody else's meanwhile.
  base::Result<void> with_fleet(const std::function<base::Result<void>(Fleet&)>& use);

 private:
  struct State;
  explicit TwinQueries(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::queries
