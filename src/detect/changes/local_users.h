#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "detect/detector.h"

namespace detect::changes {

// Accounts that are gone, and groups that accounts joined or left, from one picture of a device's
// accounts (LocalUsers) to the next.
//
// The first picture is only where it begins. One without accounts, or in which the agent could not
// read all, is passed over; one that suddenly lacks root, or most of the accounts, is doubted until
// the next one says the same. An account is known by its number and its name, and is the same under
// a new one of either; so is a group. Commands that were run in between and name the account go
// with what is found.
// Threads: one at a time.
class LocalUserChanges final : public Detector {
 public:
  LocalUserChanges();
  ~LocalUserChanges() override;

  std::vector<RuleInfo> rules() const override;
  void on_event(const schema::Event& event, const Origin& origin,
                std::vector<Finding>& findings) override;
  // Forgets devices that are deleted: another of the same name has accounts of its own.
  void on_operation(const store::OperationRow& operation, const Origin& origin,
                    std::vector<Finding>& findings) override;

  std::string_view name() const override { return "local-users"; }
  void save(std::vector<MemoryChange>& changes) override;
  bool restore(std::string_view key, std::string_view value) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace detect::changes
