#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/configurations/settings.h"
#include "iotql/query.h"

namespace hub::configurations {

inline constexpr std::size_t kMaxIdBytes = 128;
inline constexpr std::size_t kMaxMetrics = 5;
inline constexpr std::size_t kMaxLabels = 32;
inline constexpr std::size_t kMaxDocumentBytes = 64U << 10U;

// What of a twin's desired properties a configuration sets, and of whose twins.
struct Content {
  std::vector<Section> device;                          // of targeted devices
  std::vector<Section> module;                          // of targeted modules
  std::map<std::string, std::vector<Section>> modules;  // of these modules of targeted devices
};

// Errors: Invalid. Unknown members are passed over.
base::Result<Content> read_content(const base::json::Value& content);

// An automatic configuration of devices or modules, as Azure IoT Hub has it.
struct Configuration {
  std::string id;
  std::string etag;
  std::int64_t priority = 0;  // the higher one wins; of equal ones the newer
  base::WallTime created;
  base::WallTime updated;
  base::json::Value labels{base::json::Value::Object{}};
  base::json::Value content_json{base::json::Value::Object{}};
  std::string target_condition;
  std::map<std::string, std::string> metrics;  // name and query

  // What was made of them.
  Content content;
  std::optional<iotql::Query> target;
};

// What has become of it.
struct Results {
  std::uint64_t targeted = 0;
  std::uint64_t applied = 0;
  std::map<std::string, std::uint64_t> metrics;  // those that were counted so far
};

// Errors: Invalid (not an id: 1 to 128 of letters, digits and -+%_*!'():=@;$,.#?~).
base::Result<void> check_id(std::string_view id);

// Reads the parts that a client sets; those that are the hub's own are passed over.
// Errors: Invalid (the detail says which part and why; queries with line and column), TooLarge.
base::Result<Configuration> read_configuration(std::string_view id, const base::json::Value& body);

// The parts that a client sets, as read_configuration() takes them.
std::string document_of(const Configuration& configuration);

// As the service's API shows it.
void write_configuration(base::json::Writer& writer, const Configuration& configuration,
                         const Results& results);

}  // namespace hub::configurations
