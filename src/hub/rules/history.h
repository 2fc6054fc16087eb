#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "detect/stream.h"
#include "schema/message.h"
#include "store/query.h"

namespace hub::rules {

// Which of the stored events.
struct Window {
  base::WallTime from;             // of their receipt
  base::WallTime to;               // not included
  std::vector<std::string> names;  // ProcessCreate; empty: all
  std::string device_id;           // empty: all
};

struct Pace {
  base::WallTime now;                        // what now() means
  std::chrono::milliseconds budget{30'000};  // after that it stops where it is
  store::Cancel* cancel = nullptr;           // may be nullptr
  std::size_t rows = 20'000;                 // read at a time
};

struct Progress {
  std::uint64_t events = 0;   // items that were read
  std::uint64_t refused = 0;  // of rows: what is stored there is no event any more
  bool cut = false;           // at one moment came more than can be read at a time
  base::WallTime reached;     // everything before was read
  bool complete = false;      // all was read
};

// Stored events as they came, in the order of their receipt: one item each. Threads: any.
// Errors: those of store::Queries; a cancelled one is Closed.
class History {
 public:
  // Outlived by the queries.
  explicit History(store::Queries& queries) : queries_(queries) {}

  using Sink = std::function<void(const schema::Event&, const detect::Origin&)>;
  std::expected<Progress, store::QueryFailure> read(const Window& window, const Pace& pace,
                                                    const Sink& sink);

 private:
  store::Queries& queries_;
};

}  // namespace hub::rules
