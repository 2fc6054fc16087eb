#pragma once

#include <expected>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "hub/network/flows.h"
#include "store/query.h"

// What the workspace is asked for flows: reports of sensors, connections and accounts of agents.
namespace hub::network {

struct Window {
  base::WallTime from;  // when it came to the hub
  base::WallTime to;    // not part of it
};

// Conversations that one asset of a sensor took part in.
struct Wanted {
  Sensor sensor;
  std::vector<std::string> addresses;
  std::vector<std::string> hardware;  // for what has no network address
};

// The newest that there is room for.
template <class Row>
struct Found {
  std::vector<Row> rows;
  bool truncated = false;  // there were more
};
template <class Row>
using Asked = std::expected<Found<Row>, store::QueryFailure>;

// Reports that are read at once, connections of agents, and assets and addresses in one question.
inline constexpr std::size_t kMostTalks = 5'000;
inline constexpr std::size_t kMostConnections = 20'000;
inline constexpr std::size_t kMostWanted = 8;
inline constexpr std::size_t kMostDevices = 64;  // whose connections are asked for

// Asks in KQL, with the limits that it has. Threads: any.
class Questions {
 public:
  // Both must outlive it.
  Questions(store::Queries& queries, store::QueryOptions options)
      : queries_(queries), options_(options) {}

  // At most kMostWanted of `wanted` are asked for; the rest is truncated.
  Asked<Talk> talks(std::span<const Wanted> wanted, const Window& window) const;
  // Those of a day before, too: connections live longer than reports.
  Asked<Connection> connections(const std::set<std::string>& devices, const Window& window) const;
  struct User {
    std::string device_id;
    std::string user_id;
    std::string name;
  };
  Asked<User> users(const std::set<std::string>& devices, const Window& window) const;

 private:
  std::expected<store::QueryResult, store::QueryFailure> ask(const std::string& query,
                                                             std::size_t rows) const;

  store::Queries& queries_;
  const store::QueryOptions options_;
};

}  // namespace hub::network
