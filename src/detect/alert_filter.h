#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "detect/alert.h"
#include "store/sqlite.h"

// Filters of alerts as SQL. For the sources of this folder.
namespace detect {

// A condition on rows of `alert`, and what is bound to its question marks.
struct Where {
  std::string sql = "1";
  std::vector<std::variant<std::int64_t, std::string>> values;

  void add(std::string_view condition);
  template <class T>
  void add(std::string_view condition, T value) {
    add(condition);
    values.emplace_back(std::move(value));
  }
};

Where where_of(const AlertFilter& filter);
// The alerts of which the change would alter something.
Where where_changed(const AlertUpdate& update);

// Binds the values in order, behind `parameter`; the last one that is bound.
int bind_values(store::Statement& statement, const Where& where, int parameter = 0);

// Where a page begins: behind this alert.
struct AlertCursor {
  std::int64_t last_seen = 0;
  std::string id;

  std::string to_string() const;
  // Errors: Invalid.
  static base::Result<AlertCursor> parse(std::string_view text);
};

}  // namespace detect
