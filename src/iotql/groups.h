#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "iotql/query.h"

namespace iotql {

// The rows of a query that aggregates: one for each group of documents, one for all without
// GROUP BY. Groups are in the order of their keys.
class Groups {
 public:
  explicit Groups(const Query& query);
  ~Groups();
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  // A document that the condition accepts. Errors: Full (kMaxGroups, kMaxGroupKeyBytes,
  // kMaxGroupBytes).
  base::Result<void> add(const Document& document);

  // Key and JSON object of each row after that key, at most `limit`.
  struct Row {
    std::string key;
    std::string json;
  };
  std::vector<Row> rows(std::string_view after, std::size_t limit) const;
  std::size_t size() const;

 private:
  struct Group;
  Group make_group() const;

  Query query_;
  std::map<std::string, Group, std::less<>> groups_;
  std::size_t bytes_ = 0;
};

}  // namespace iotql
