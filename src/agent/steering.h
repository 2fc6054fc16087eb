#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/settings/twin.h"
#include "agent/watch/watch.h"
#include "base/json.h"
#include "base/time.h"
#include "schema/message.h"
#include "uplink/uplink.h"

namespace agent {

// The settings of the module twin, kept in a file so that a start without a hub has them. Threads:
// one.
class Steering {
 public:
  struct Options {
    settings::Settings defaults;
    std::string file;  // empty: nowhere
    std::string object = std::string(settings::kObject);
  };

  // Begins with what the file holds; a damaged one is logged and not used.
  explicit Steering(Options options);

  const settings::Settings& settings() const { return twin_.settings(); }
  // Takes what the hub wants, and keeps it. What cannot be read is logged and changes nothing.
  void take(const uplink::Desired& desired);
  // Something is wrong beyond what the settings themselves show, or (with an empty text) no more:
  // the file that one names is another.
  void set_found(const std::string& key, const std::string& text);

  // What is wrong and was not told yet, as one ConfigurationError event.
  std::optional<schema::Event> untold(base::WallTime now);
  // All that the twin should report, with where events come from.
  std::string reported(std::string_view agent_version,
                       const std::vector<SourceReport>& sources) const;

 private:
  void save();
  std::vector<settings::Problem> problems() const;

  settings::Twin twin_;
  std::string file_;
  std::string saved_;
  std::vector<settings::Problem> found_;
  std::vector<settings::Problem> told_;
};

schema::ConfigurationError error_of(const settings::Problem& problem);
// The part of the settings that the uplink must know.
uplink::Uplink::Delivery delivery_of(const settings::Settings& settings);
uplink::Priority priority_of(const settings::Settings& settings, schema::EventName event);

}  // namespace agent
