#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "journal/log.h"
#include "journal/reader.h"

namespace journal {

inline std::unique_ptr<Log> must_open(const std::string& folder, Options options = {}) {
  auto log = Log::open(folder, options);
  if (!log) {
    ADD_FAILURE() << log.error().to_string();
    return nullptr;
  }
  return std::move(*log);
}

// All that a reader sees from `from`, by sequence; fails when the sequences do not ascend.
inline std::map<std::uint64_t, std::string> read_all(const Log& log, std::uint64_t from = 1) {
  std::map<std::uint64_t, std::string> records;
  Reader reader(log, from);
  std::uint64_t previous = 0;
  for (;;) {
    auto record = reader.next();
    if (!record) {
      ADD_FAILURE() << record.error().to_string();
      return records;
    }
    if (!*record) return records;
    EXPECT_GT((*record)->sequence, previous);
    previous = (*record)->sequence;
    records[previous] = base::as_text((*record)->payload);
  }
}

inline void put(Log& log, std::string_view payload) {
  ASSERT_TRUE(log.append(base::as_bytes(payload)));
  ASSERT_TRUE(log.commit());
}

}  // namespace journal
