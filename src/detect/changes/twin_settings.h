#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "detect/detector.h"

namespace detect::changes {

// Agents that cannot read the settings in their module's twin (ConfigurationError, TypeMismatch):
// one alert for each version of the desired properties. It ends when the agent reports a later
// version without such errors; with agents that do not report that, a day after a later version
// came and nothing was heard of errors since; and when a later version is wrong as well, which is
// an alert of its own.
// Threads: one at a time.
class TwinSettings final : public Detector {
 public:
  TwinSettings();
  ~TwinSettings() override;

  std::vector<RuleInfo> rules() const override;
  void on_event(const schema::Event& event, const Origin& origin,
                std::vector<Finding>& findings) override;
  void on_twin(const store::TwinRow& twin, const Origin& origin,
               std::vector<Finding>& findings) override;
  void on_time(base::WallTime now, std::vector<Finding>& findings) override;
  // What is still wrong stays so.
  void on_end(base::WallTime, std::vector<Finding>&) override {}

  std::string_view name() const override { return "twin-settings"; }
  void save(std::vector<MemoryChange>& changes) override;
  bool restore(std::string_view key, std::string_view value) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detect::changes
