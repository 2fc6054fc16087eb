#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "hub/identity/registry.h"
#include "hub/operations/operations.h"

namespace hub::commands {

// A registry with d1, d1/m1 and d2, and a clock that a test sets.
class CommandsTest : public testing::Test {
 protected:
  CommandsTest() {
    std::string pattern = testing::TempDir() + "commands.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    registry_ =
        identity::Registry::open({path(), "hub.example", [this] { return now(); }}, operations_)
            .value();
    for (const identity::Name& name : {kDevice, kModule, kOther})
      create(name);
  }

  std::string path() const { return folder_ + "/state.db"; }
  base::WallTime now() const { return base::WallTime(std::chrono::seconds(wall_.load())); }
  base::MonoTime mono_now() const {
    return base::MonoTime(std::chrono::milliseconds(mono_.load()));
  }
  void create(const identity::Name& name) {
    EXPECT_TRUE(registry_->create({name, identity::Status::Enabled, "", {}}, "test").has_value());
  }
  // Operations of a category, the oldest first: "op status reason".
  std::vector<std::string> recorded(operations::Category category) const {
    std::vector<std::string> found;
    for (const operations::Record& record : operations_.recent(1000)) {
      if (record.category != category) continue;
      std::string text = record.operation + " " + std::to_string(record.status_code);
      if (record.sub_code != 0) text += " " + std::to_string(record.sub_code);
      if (record.reason != operations::Reason::None)
        text.append(" ").append(to_string(record.reason));
      found.insert(found.begin(), text);
    }
    return found;
  }

  const identity::Name kDevice{"d1", ""};
  const identity::Name kModule{"d1", "m1"};
  const identity::Name kOther{"d2", ""};
  std::atomic<std::int64_t> wall_{1'800'000'000};  // s
  std::atomic<std::int64_t> mono_{1'000'000};      // ms
  std::string folder_;
  operations::Operations operations_;
  std::unique_ptr<identity::Registry> registry_;
};

}  // namespace hub::commands
